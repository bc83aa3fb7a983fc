"""A list of strings at the top level of a module, such as ``__all__``."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.entries.kinds.brackets_of_python import Brackets, BracketsOfPython
from codemods.entries.python.brackets import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from codemods.entries.entry_list import Entry
    from codemods.entries.listing import Table
    from codemods.entries.python.layout import Layout
    from codemods.entries.python.source import Source


@dataclass(frozen=True)
class StringList(BracketsOfPython):
    """Lists of strings; an entry is its key alone."""

    what: str = "list"
    expected: str = "`{name} = […]` at the top level"

    def brackets(self, source: Source, value: ast.expr) -> Brackets | None:
        """Return the brackets of a list."""
        return string_brackets(source, value) if isinstance(value, ast.List) else None

    def value(self, entry: Entry, table: Table) -> Hashable:
        """Return nothing: an entry is its string."""
        return None

    def opened(self, entry: Entry, layout: Layout) -> tuple[str, ast.expr, str]:
        """Return an entry as ``"key",``."""
        return "", ast.Constant(entry.key), ","


def string_brackets(source: Source, node: ast.List, key_of: Callable[[str], str] = str) -> Brackets:
    """Return a list's brackets and strings; what is no string has no key."""
    nodes, keys = [], set()
    for element in node.elts:
        name = element.value if isinstance(element, ast.Constant) and isinstance(element.value, str) else None
        key = None if name is None else key_of(name)
        nodes.append(Node(source.start(element), source.end(element), key, None, source.segment(element)))
        if name is not None:
            keys.add(id(element))
    return Brackets(source.start(node), source.end(node) - 1, tuple(nodes), frozenset(keys))
