"""The nodes of a Python text, found once for all who look through it.

``ast.walk`` asks each node for all of its fields, and half of what it finds are the marks of names and operators
(``Load``, ``Add``): an adapter that was generated is walked through five times.
"""

from __future__ import annotations

import ast
from functools import lru_cache

MARKS = frozenset({"ctx", "op", "ops"})
"""Fields whose nodes have no place in the text."""


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each kind of node that can hold further nodes."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        self[kind] = tuple(name for name in kind._fields if name not in MARKS)
        return self[kind]


_FIELDS = _Fields()


@lru_cache(maxsize=8)
def nodes(text: str) -> tuple[ast.AST, ...]:
    """Return the nodes of a text's syntax tree, those further out first, in the order of ``ast.walk``.

    The same text has the same nodes, which nobody changes.

    Raises:
        SyntaxError: the text does not parse.
    """
    return below(ast.parse(text))


def below(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return a node and all below it, those further out first; marks such as ``Load`` and ``Add`` are left out."""
    found = [tree]
    for node in found:  # grows meanwhile
        for name in _FIELDS[type(node)]:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [item for item in value if isinstance(item, ast.AST)]
    return tuple(found)
