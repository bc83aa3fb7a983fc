"""Lists of strings in a JSON object: ``{"models": ["a", "b"], "datasets": […]}``, one string per line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.entries.listing import Item, Listing, Section, Table
from codemods.entries.text_lines import end_of_lines
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Hashable

    from codemods.entries.entry_list import Entry
    from codemods.text.tree_style import Style

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
DEEPEST = 2
"""Objects in which a list may stand."""


@dataclass(frozen=True)
class JsonList:
    """The tables are the lists at the top of the object, and in objects there, by their keys: ``models > a2``."""

    def read(self, text: str, where: str, key: str) -> Listing:
        """Read the lists. Raises `Refusal` if the file is not valid JSON, or has no such list."""
        try:
            json.loads(text.removeprefix("\ufeff"))
        except ValueError as error:
            raise Refusal(str(error), where=where, expected="a JSON file", remedy="repair the file first") from error
        tables = tuple(_tables(text))
        if not tables:
            raise Refusal(
                "no list of strings found",
                where=where,
                expected='an object with lists, such as `"models": ["…"]`',
                remedy="check that this version of the tree has it",
            )
        return Listing(tables)

    def value(self, entry: Entry, table: Table) -> Hashable:
        """Return nothing: an entry is its string."""
        return None

    def write(self, entry: Entry, table: Table, section: Section, index: int, style: Style | None) -> str:
        """Return the line, with a comma unless it is the last one."""
        indent, end = table.form
        comma = "," if index < len(section.items) else ""
        return f"{indent}{json.dumps(entry.key, ensure_ascii=False)}{comma}{end}"


def _tables(text: str) -> list[Table]:
    """Return the lists of strings that are written one string per line."""
    tokens, end = list(_TOKEN.finditer(text)), end_of_lines(text)
    found, names, index = [], list[str](), 0
    key = ""
    while index < len(tokens):
        mark = tokens[index][0]
        if mark == "[" and 1 <= len(names) <= DEEPEST:
            close = next(i for i in range(index, len(tokens)) if tokens[i][0] == "]")
            strings = [t for t in tokens[index + 1 : close] if t[0] != ","]
            items = [_item(text, string, end) for string in strings]
            first = _line_end(text, tokens[index].start())
            if items and all(i.end <= _line_start(text, tokens[close].start()) for i in items):
                name = " > ".join([*names[1:], key])
                found.append(Table(name, (Section("", first, tuple(items)),), (items[-1].indent, end)))
            index = close
        elif mark in "{[":
            names.append(key)
        elif mark in "}]":
            names.pop()
        elif mark == ":":
            key = str(json.loads(tokens[index - 1][0]))
        index += 1
    return found


def _item(text: str, token: re.Match[str], end: str) -> Item:
    line, last = _line_start(text, token.start()), _line_end(text, token.start())
    value = json.loads(token[0]) if token[0].startswith('"') else None
    missing = None if text[token.end() : last].strip() == "," else (token.end(), ",")
    key = value if isinstance(value, str) else None
    return Item(key, None, token[0], line, last, text[line : token.start()], missing)


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _line_end(text: str, offset: int) -> int:
    match = re.compile(r"\r\n|\r|\n").search(text, offset)
    return match.end() if match else len(text)
