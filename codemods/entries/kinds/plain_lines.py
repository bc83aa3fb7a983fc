"""A text file with one entry per line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.entries.listing import Item, Listing, Section, Table
from codemods.entries.text_lines import end_of_lines, placed_lines

if TYPE_CHECKING:
    from collections.abc import Hashable

    from codemods.entries.entry_list import Entry
    from codemods.text.tree_style import Style


@dataclass(frozen=True)
class PlainLines:
    """Lines; blank ones and comments (``# …``) are no entries."""

    def read(self, text: str, where: str, key: str) -> Listing:
        """Read a file's lines."""
        end = end_of_lines(text)
        items = [
            Item(
                line.strip() if line.strip() and not line.lstrip().startswith("#") else None,
                None,
                line.strip(),
                start,
                start + len(line),
                "",
                None if line.endswith(("\n", "\r")) else (start + len(line), end),
            )
            for start, line in placed_lines(text)
        ]
        return Listing((Table("", (Section("", 0, tuple(items)),), end),))

    def value(self, entry: Entry, table: Table) -> Hashable:
        """Return nothing: an entry is its line."""
        return None

    def write(self, entry: Entry, table: Table, section: Section, index: int, style: Style | None) -> str:
        """Return the line."""
        return f"{entry.key}{table.form}"
