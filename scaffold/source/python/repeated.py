"""Long lists of numbers that source computes again for each layer, such as a logarithm for each position.

A list over one loop, of arithmetic and functions of ``math`` alone, is what the numbers that it reads make it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache
from typing import Any

from scaffold.source.python.objects import External

LONG = 1_000
"""Elements from which on a list is kept."""
ARITHMETIC = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Constant, ast.operator, ast.unaryop, ast.cmpop)
PLAIN = (int, float, External, type)
"""Of such values a list may be made, as they are what they are."""


@lru_cache(maxsize=256)
def reads(node: ast.ListComp) -> tuple[ast.expr, ...] | None:
    """Return the expressions that a list reads from around it; None where it is more than arithmetic over a loop."""
    loop = node.generators[0]
    if len(node.generators) > 1 or loop.ifs or not isinstance(loop.target, ast.Name):
        return None
    found = [*_reads(loop.iter, ""), *_reads(node.elt, loop.target.id)]
    return None if None in found else tuple(one for one in found if one is not None)


def _reads(node: ast.AST, own: str) -> Iterator[ast.expr | None]:
    """Yield what an expression reads but its loop's own name; None for what is no arithmetic."""
    if isinstance(node, ast.Name):
        if node.id != own:
            yield node
    elif isinstance(node, ast.Attribute):
        chain: ast.expr = node
        while isinstance(chain, ast.Attribute):
            chain = chain.value
        yield node if isinstance(chain, ast.Name) and chain.id != own else None
    elif isinstance(node, ast.Call):
        is_plain = not node.keywords and isinstance(node.func, (ast.Name, ast.Attribute))
        for argument in (node.func, *node.args) if is_plain else ():
            yield from _reads(argument, own)
        if not is_plain:
            yield None
    elif isinstance(node, ARITHMETIC):
        for part in ast.iter_child_nodes(node):
            yield from _reads(part, own)
    else:
        yield None


def key_of(node: ast.ListComp, value: Callable[[ast.expr], Any]) -> Hashable | None:
    """Return what a list depends on, None where that is not known; ``value`` evaluates what it reads."""
    asked = reads(node)
    if asked is None:
        return None
    seen = [value(one) for one in asked]
    if not all(isinstance(one, PLAIN) for one in seen):
        return None
    if any(isinstance(one, External) and not one.dotted.startswith("math.") for one in seen):
        return None
    return (node, *((type(one), one, getattr(one, "key", None)) for one in seen))
