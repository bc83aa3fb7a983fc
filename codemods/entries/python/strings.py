"""Which string an expression is: constants, joined pieces, f-strings, and names of constants of the module."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from codemods.entries.python.source import statements

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOLE = None


@lru_cache(maxsize=8)
def constants(tree: ast.Module) -> Mapping[str, str]:
    """Return the strings that a module assigns to names once, at its top level; trees are values, and never changed."""
    found: dict[str, str] = {}
    counts: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            counts[node.id] = counts.get(node.id, 0) + 1
    for name, statement in statements(tree).items():
        value = statement.value
        if counts[name] == 1 and isinstance(value, ast.Constant) and isinstance(value.value, str):
            found[name] = value.value
    return found


def may_be(node: ast.expr | None, key: str, known: Mapping[str, str]) -> bool:
    """Return whether an expression is this string, or may be it: what is computed may be anything between its texts.

    An expression without any text of its own says nothing, and does not count.
    """
    pieces = _pieces(node, known)
    if not any(piece for piece in pieces):
        return False
    pattern = "".join(".*" if piece is _HOLE else re.escape(piece) for piece in pieces)
    return re.fullmatch(pattern, key, re.DOTALL) is not None


def _pieces(node: ast.expr | None, known: Mapping[str, str]) -> list[str | None]:
    match node:
        case ast.Constant(value=str(value)):
            return [value]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*_pieces(left, known), *_pieces(right, known)]
        case ast.JoinedStr(values=values):
            return [piece for value in values for piece in _pieces(value, known)]
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return _pieces(value, known)
        case ast.Name(id=name) if name in known:
            return [known[name]]
    return [_HOLE]
