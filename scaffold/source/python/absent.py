"""What is said of an item that is not there: what was looked for, in what, and what is there instead."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from scaffold.source.python.errors import Raised

FEW = 12
LONGEST = 80


def absent(error: KeyError | IndexError, value: Any, key: Any, node: ast.Subscript) -> Raised:
    """Return what Python's error says of ``value[key]``, in words.

    Args:
        error: Python's.
        value: in which the item was looked for.
        key: of the item.
        node: the expression, which names both.
    """
    kind, place = type(error).__name__, _short(ast.unparse(node.value))
    if isinstance(value, dict):
        names = sorted(map(repr, value))
        more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
        has = f"has {', '.join(map(_short, names[:FEW]))}{more}" if names else "is empty"
        return Raised(f"{kind}: {place} has no {_short(repr(key))}; it {has}", kind=kind)
    if isinstance(value, Sequence):
        return Raised(f"{kind}: {place} has no item {_short(repr(key))}; it has {len(value)}", kind=kind)
    return Raised(f"{kind}: no {_short(ast.unparse(node.slice))} in {place}: {error}", kind=kind)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
