"""What the kinds of lists in Python source share: a statement's value, its brackets, and how an entry is written."""

from __future__ import annotations

import ast
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.entries.listing import Listing, Section, Table
from codemods.entries.python.brackets import Form, Node, sections
from codemods.entries.python.keys import elsewhere
from codemods.entries.python.layout import Layout, expression
from codemods.entries.python.source import Source, read_source, statements
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from codemods.entries.entry_list import Entry
    from codemods.text.tree_style import Style


@dataclass(frozen=True)
class Brackets:
    """A bracket in a statement, and the entries in it. ``keys`` are the ids of the nodes that are their keys."""

    opening: int
    closing: int
    nodes: tuple[Node, ...]
    keys: frozenset[int]


@dataclass(frozen=True)
class BracketsOfPython(ABC):
    """Values that a module assigns to names that match ``names``.

    ``exploded``: entries are written one part per line even where they fit on one. ``what`` is what the kind is
    called, ``expected`` what it looks like.
    """

    names: str
    exploded: bool = False
    what: str = "dict"
    expected: str = "`{name} = {{…}}` at the top level"

    @abstractmethod
    def brackets(self, source: Source, value: ast.expr) -> Brackets | None:
        """Return the brackets of a statement's value, None if it is not of this kind."""

    @abstractmethod
    def opened(self, entry: Entry, layout: Layout) -> tuple[str, ast.expr, str]:
        """Return what comes before an entry's value, the value, and what comes behind it."""

    def value(self, entry: Entry, table: Table) -> Hashable:
        """Return the value of an entry as `Item` has it: its syntax."""
        return ast.dump(expression(entry.value, entry.key)) if entry.value is not None else None

    def read(self, text: str, where: str, key: str) -> Listing:
        """Read all tables of the file. Raises `Refusal` if there is none, or if the file is not valid Python."""
        source = read_source(text, where)
        tables: list[Table] = []
        keys: set[int] = set()
        for name, found in self.found(source):
            try:
                listed, form = sections(source, name, found.opening, found.closing, found.nodes, where)
            except Refusal as problem:
                tables.append(Table(name, (), problem=problem))
            else:
                tables.append(Table(name, listed, form))
                keys |= found.keys
        if not tables:
            name = self.names if self.names.isidentifier() else "…"
            raise Refusal(
                f"no {self.what} {self.names} found",
                where=where,
                expected=self.expected.format(name=name),
                remedy="check that this version of the tree has it",
            )
        places = elsewhere(source, lambda name: re.fullmatch(self.names, name) is not None, key, keys)
        return Listing(tuple(tables), places)

    def write(self, entry: Entry, table: Table, section: Section, index: int, style: Style | None) -> str:
        """Return the lines of a new entry, laid out by the tree's style, with the file's own indentation and quotes."""
        form = table.form
        assert isinstance(form, Form)
        layout = Layout(style.line_length if style else 88, form.unit, form.line_end, form.quote)
        before, value, after = self.opened(entry, layout)
        lines = layout.lines(before, value, after, form.indent, exploded=self.exploded)
        return "".join(line + form.line_end for line in lines)

    def found(self, source: Source) -> Iterator[tuple[str, Brackets]]:
        """Yield the name and the brackets of each table."""
        for name, statement in statements(source.tree).items():
            if re.fullmatch(self.names, name) and statement.value is not None:
                found = self.brackets(source, statement.value)
                if found is not None:
                    yield name, found
