"""Rows of the tables of a Markdown page: a table is named by the headings and tabs that it stands under."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.entries.listing import Elsewhere, Item, Listing, Section, Table
from codemods.entries.python.layout import columns
from codemods.entries.text_lines import end_of_lines, placed_lines
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from codemods.entries.entry_list import Entry
    from codemods.text.tree_style import Style

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})(?!\{).*")
_TAB = re.compile(r'(?P<indent>\s*)(?:===\s+"(?P<mkdocs>[^"]+)"|:{3,}\{tab-item\}\s+(?P<myst>.+?))\s*')
_TAB_ENDS = re.compile(r"\s*:{3,}\s*")
_RULE = re.compile(r"\s*\|?(\s*:?-+:?\s*\|)+\s*(:?-+:?\s*)?")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_CELL = re.compile(r"\|((?:`[^`|]*`|\\.|[^|\\])*)(?=\|)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Columns:
    """How rows are written: ``names`` of the columns, their ``widths`` (0: as long as the cell is), ``is_spaced``."""

    names: tuple[str, ...]
    widths: tuple[int, ...]
    indent: str
    line_end: str
    is_spaced: bool


@dataclass(frozen=True)
class MarkdownTable:
    """Tables whose first column is named ``first``; a row's key is that cell without marks.

    ``is_code``: the key is written as code. An entry's value maps names of columns, without links, to cells.
    """

    first: str
    is_code: bool = False

    def read(self, text: str, where: str, key: str) -> Listing:
        """Read the page's tables. Raises `Refusal` if there is none with this first column."""
        tables = tuple(self._tables(text))
        if not tables:
            raise Refusal(
                f"no table has the column {self.first}",
                where=where,
                expected=f"`| {self.first} | … |`",
                remedy="check that this version of the tree has it",
            )
        others = [
            Elsewhere(table.name, " ".join(item.shown.split()))
            for table in tables
            for section in table.sections
            for item in section.items
            if item.key != key and key in _CODE.findall(item.shown.split("|")[1] if "|" in item.shown else "")
        ]
        return Listing(tables, tuple(others))

    def value(self, entry: Entry, table: Table) -> Hashable:
        """Return the cells of an entry, in the table's order."""
        return self._cells(entry, table)[1:]

    def write(self, entry: Entry, table: Table, section: Section, index: int, style: Style | None) -> str:
        """Return a row, as wide as the others are and spaced as they are."""
        form = table.form
        assert isinstance(form, Columns)
        row = ""
        for cell, width in zip(self._cells(entry, table), form.widths, strict=True):
            spaced = f" {cell} " if form.is_spaced and cell else " " if form.is_spaced else cell
            row += f"|{spaced}{' ' * (width - columns(spaced))}"
        return f"{form.indent}{row}|{form.line_end}"

    def _cells(self, entry: Entry, table: Table) -> tuple[str, ...]:
        """Return an entry's cells. Raises `Refusal` for a column that the table has not."""
        form = table.form
        assert isinstance(form, Columns)
        values: Mapping[str, str] = entry.value
        known = {name.casefold() for name in form.names}
        unknown = [name for name in values if name.casefold() not in known]
        if unknown:
            raise Refusal(
                f"no column is named {', '.join(unknown)}",
                where=table.name,
                expected=", ".join(form.names[1:]),
                remedy="name columns that the table has",
            )
        by_name = {name.casefold(): cell for name, cell in values.items()}
        first = f"`{entry.key}`" if self.is_code else entry.key
        return (first, *(by_name.get(name.casefold(), "") for name in form.names[1:]))

    def _tables(self, text: str) -> Iterator[Table]:
        lines, end, names = placed_lines(text), end_of_lines(text), Counter[str]()
        index, path = 0, _Path()
        while index < len(lines):
            index, skipped = _after_code(lines, index)
            if skipped:
                continue
            line = lines[index][1].rstrip("\r\n")
            path.read(line)
            below = lines[index + 1][1].rstrip("\r\n") if index + 1 < len(lines) else ""
            if line.lstrip().startswith("|") and _RULE.fullmatch(below):
                stop = index + 2
                while stop < len(lines) and lines[stop][1].lstrip().startswith("|"):
                    stop += 1
                header = cells(line)
                if header and plain_cell(header[0]).casefold() == self.first.casefold():
                    name = path.name
                    names[name] += 1
                    label = name if names[name] == 1 else f"{name} ({names[name]})"
                    yield _table(label, lines[index:stop], end)
                index = stop
            else:
                index += 1


class _Path:
    """The headings and tabs above a line."""

    def __init__(self) -> None:
        self.headings: list[tuple[int, str]] = []
        self.tabs: list[tuple[int, str]] = []

    def read(self, line: str) -> None:
        """Take a further line of the page."""
        if heading := _HEADING.fullmatch(line):
            level = len(heading[1])
            self.headings = [*(one for one in self.headings if one[0] < level), (level, heading[2])]
            self.tabs = []
        elif tab := _TAB.fullmatch(line):
            self.tabs = [(len(tab["indent"]), tab["mkdocs"] or tab["myst"])]
        elif _TAB_ENDS.fullmatch(line):
            self.tabs = []

    @property
    def name(self) -> str:
        """The headings below the page's title, and the tab."""
        below = [title for level, title in self.headings if level > 1] or [title for _, title in self.headings]
        return " > ".join([*below, *(title for _, title in self.tabs)])


def cells(row: str) -> list[str]:
    """Return the cells of a row without blanks around them; a bar in code or behind a backslash is none."""
    return [part.strip() for part in _raw_cells(row)]


def _raw_cells(row: str) -> list[str]:
    return _CELL.findall(row)


def plain_cell(cell: str) -> str:
    """Return a cell without links, code marks and emphasis."""
    return _LINK.sub(r"\1", cell).strip("`* ")


def _after_code(lines: list[tuple[int, str]], index: int) -> tuple[int, bool]:
    """Return the index behind a block of code that begins at a line."""
    fence = _FENCE.fullmatch(lines[index][1].rstrip("\r\n"))
    if fence is None:
        return index, False
    closing = next(
        (i for i in range(index + 1, len(lines)) if re.fullmatch(rf"\s*{fence[1]}[`~]*\s*", lines[i][1])), len(lines)
    )
    return closing + 1, True


def _table(name: str, lines: list[tuple[int, str]], end: str) -> Table:
    rows = []
    for start, line in lines[2:]:
        found = cells(line)
        missing = None if line.endswith(("\n", "\r")) else (start + len(line), end)
        key = plain_cell(found[0]) if found else None
        rows.append(Item(key or None, tuple(found[1:]), line, start, start + len(line), "", missing))
    header = lines[0][1]
    names = tuple(plain_cell(cell) for cell in cells(header))
    raw = [_raw_cells(line) for _, line in [lines[0], *lines[2:]]]
    widths = tuple(_width([row[n] for row in raw if len(row) == len(names)]) for n in range(len(names)))
    spaced = sum(1 for row in raw[1:] if row and row[0].startswith(" "))
    indent = header[: len(header) - len(header.lstrip())]
    first = lines[1][0] + len(lines[1][1])
    form = Columns(names, widths, indent, end, 2 * spaced >= len(raw) - 1)
    return Table(name, (Section("", first, tuple(rows)),), form)


def _width(column: list[str]) -> int:
    """Return the width that most cells of a column have, 0 if they are as long as what is in them."""
    ((width, count),) = Counter(columns(cell) for cell in column).most_common(1) or [(0, 0)]
    is_padded = any(cell.endswith("  ") or not cell.strip() for cell in column if columns(cell) == width)
    return width if is_padded and 2 * count > len(column) else 0
