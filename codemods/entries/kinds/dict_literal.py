"""A dict literal at the top level of a module: ``NAME = {"key": value, …}``."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.entries.kinds.brackets_of_python import Brackets, BracketsOfPython
from codemods.entries.python.brackets import Node
from codemods.entries.python.layout import expression

if TYPE_CHECKING:
    from codemods.entries.entry_list import Entry
    from codemods.entries.python.layout import Layout
    from codemods.entries.python.source import Source


@dataclass(frozen=True)
class DictLiteral(BracketsOfPython):
    """Dicts; an entry's value is Python source."""

    def brackets(self, source: Source, value: ast.expr) -> Brackets | None:
        """Return the braces of a dict."""
        return dict_brackets(source, value) if isinstance(value, ast.Dict) else None

    def opened(self, entry: Entry, layout: Layout) -> tuple[str, ast.expr, str]:
        """Return an entry as ``"key": value,``."""
        return f"{layout.flat(ast.Constant(entry.key))}: ", expression(entry.value, entry.key), ","


def dict_brackets(source: Source, node: ast.Dict) -> Brackets:
    """Return a dict's braces and entries; what is no string, or ``**other``, has no key."""
    nodes, keys = [], set()
    for key, value in zip(node.keys, node.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
        start = source.start(value if key is None else key)
        nodes.append(Node(start, source.end(value), name, ast.dump(value), source.segment(value)))
        if name is not None:
            keys.add(id(key))
    return Brackets(source.start(node), source.end(node) - 1, tuple(nodes), frozenset(keys))
