"""Messages of a gettext catalogue (``.po``): a text and its translation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.entries.listing import Item, Listing, Section, Table
from codemods.entries.text_lines import end_of_lines, placed_lines

if TYPE_CHECKING:
    from collections.abc import Hashable

    from codemods.entries.entry_list import Entry
    from codemods.text.tree_style import Style

_PART = re.compile(r'(?:(msgid|msgstr)\s+)?"((?:[^"\\]|\\.)*)"\s*')
_ESCAPES = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\"}
WIDTH = 76
"""Columns in which gettext's tools write a message."""
HEADER = """\
msgid ""
msgstr ""
"Project-Id-Version: vllm-ascend\\n"
"Language: zh_CN\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"""
"""What a new catalogue begins with: without dates and authors, which nobody knows here."""


@dataclass(frozen=True)
class PoCatalogue:
    """Messages; an entry's key is the text (``msgid``), its value the translation. An empty file gets a header."""

    def read(self, text: str, where: str, key: str) -> Listing:
        """Read a catalogue's messages; what is marked obsolete is none."""
        end, items = end_of_lines(text), []
        for start, stop, strings in _blocks(text):
            missing = None if text[:stop].endswith(("\n", "\r")) else (stop, end)
            items.append(Item(strings["msgid"], strings["msgstr"], strings["msgstr"], start, stop, "", missing))
        header = "" if items else HEADER.replace("\n", end)
        return Listing((Table("", (Section("", len(text), tuple(items), (header, "")),), end),))

    def value(self, entry: Entry, table: Table) -> Hashable:
        """Return the translation."""
        return str(entry.value)

    def write(self, entry: Entry, table: Table, section: Section, index: int, style: Style | None) -> str:
        """Return the message: behind a blank line if it is new."""
        is_there = index < len(section.items) and section.items[index].key == entry.key
        lines = ["", *_message("msgid", entry.key), *_message("msgstr", entry.value)]
        return "".join(line + table.form for line in lines[is_there:])


def _blocks(text: str) -> list[tuple[int, int, dict[str, str]]]:
    """Return each message: where its lines begin and end, and its strings."""
    found: list[tuple[int, int, dict[str, str]]] = []
    name = ""
    for start, line in placed_lines(text):
        match = _PART.fullmatch(line.rstrip("\r\n"))
        if match is None:
            name = ""
            continue
        if match[1] == "msgid":
            found.append((start, start, {"msgid": "", "msgstr": ""}))
        name = match[1] or name
        if name and found:
            begun, _, strings = found[-1]
            strings[name] += re.sub(r"\\.", lambda m: _ESCAPES.get(m[0], m[0]), match[2])
            found[-1] = (begun, start + len(line), strings)
    return found


def _message(name: str, value: str) -> list[str]:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    one = f'{name} "{escaped}"'
    if len(one) <= WIDTH + 3 or " " not in escaped:
        return [one]
    parts = [""]
    for word in re.findall(r"\S+\s*|\s+", escaped):
        if parts[-1] and len(parts[-1] + word) > WIDTH:
            parts.append("")
        parts[-1] += word
    return [f'{name} ""', *(f'"{part}"' for part in parts)]
