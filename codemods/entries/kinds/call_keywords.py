"""The keywords of a call that a module assigns: ``NAME = Table(key=value, **{"odd-key": value})``."""

from __future__ import annotations

import ast
import keyword as keywords
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.entries.kinds.brackets_of_python import Brackets, BracketsOfPython
from codemods.entries.python.brackets import Node
from codemods.entries.python.layout import expression
from codemods.entries.python.source import code_characters

if TYPE_CHECKING:
    from codemods.entries.entry_list import Entry
    from codemods.entries.python.layout import Layout
    from codemods.entries.python.source import Source


@dataclass(frozen=True)
class CallKeywords(BracketsOfPython):
    """Calls of keywords; a key that is no name of Python's stands in a dict of its own."""

    what: str = "table"
    expected: str = "`{name} = Table(…)` at the top level"

    def brackets(self, source: Source, value: ast.expr) -> Brackets | None:
        """Return the parentheses of a call and its keywords; positional arguments are no entries."""
        if not isinstance(value, ast.Call) or value.args:
            return None
        closing = source.end(value) - 1
        behind = code_characters(source.text, source.end(value.func), closing + 1)
        opening = next(offset for offset, character in behind if character == "(")
        nodes, keys = [], set()
        for keyword in value.keywords:
            mark, name, inner = _entry(keyword)
            shown = source.segment(inner)
            nodes.append(Node(source.start(keyword), source.end(keyword), name, ast.dump(inner), shown))
            if name is not None:
                keys.add(mark)
        return Brackets(opening, closing, tuple(nodes), frozenset(keys))

    def opened(self, entry: Entry, layout: Layout) -> tuple[str, ast.expr, str]:
        """Return an entry as ``key=value,`` or ``**{"odd-key": value},``."""
        if entry.key.isidentifier() and not keywords.iskeyword(entry.key):
            return f"{entry.key}=", expression(entry.value, entry.key), ","
        return f"**{{{layout.flat(ast.Constant(entry.key))}: ", expression(entry.value, entry.key), "},"


def _entry(keyword: ast.keyword) -> tuple[int, str | None, ast.expr]:
    """Return the id, the key and the value of ``key=value`` and of ``**{"key": value}``."""
    if keyword.arg is not None:
        return id(keyword), keyword.arg, keyword.value
    match keyword.value:
        case ast.Dict(keys=[ast.Constant(value=str(name)) as key], values=[value]):
            return id(key), name, value
    return id(keyword), None, keyword.value
