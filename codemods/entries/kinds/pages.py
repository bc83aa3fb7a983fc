"""Pages of documentation in an index: a MyST toctree, or the navigation of ``mkdocs.yml``.

Both are read line by line: ``mkdocs.yml`` has ``!ENV`` and ``!!python/name:`` tags and comments, which a YAML load and
dump would destroy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from codemods.entries.listing import Item, Listing, Section, Table
from codemods.entries.text_lines import end_of_lines, placed_lines
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from codemods.entries.entry_list import Entry
    from codemods.text.tree_style import Style

# `- path.md`, `- Label: path.md`, quoted or not, with or without a comment.
_NAV_ENTRY = re.compile(
    r"(?P<bullet>\s*-\s+)(?:[^#'\"]*:\s+)?(?P<quote>['\"]?)(?P<page>[^\s'\"#]+\.md)(?P=quote)\s*(?:#.*\s*)?"
)
_FENCE = re.compile(r"\s*(?P<fence>:{3,}|`{3,})\{toctree\}\s*")
_NO_ENTRY = re.compile(r"\s*(?::\S+:.*)?\s*")  # blank, or an option such as `:maxdepth: 1`


@dataclass(frozen=True)
class MkdocsNav:
    """The navigation of ``mkdocs.yml``: the pages of one directory are a list. A key is a page's path."""

    def read(self, text: str, where: str, key: str) -> Listing:
        """Read the pages of the key's directory. Raises `Refusal` if the navigation lists none."""
        directory, end = PurePosixPath(key).parent, end_of_lines(text)
        items, indents = [], []
        for start, line in _nav(text):
            match = _NAV_ENTRY.fullmatch(line)
            if match and PurePosixPath(match["page"]).parent == directory:
                items.append(_item(match["page"], start, line, end))
                indents.append(match["bullet"])
        if not items:
            raise Refusal(
                f"the navigation lists no page of {directory}",
                where=where,
                expected=f"entries such as `- {directory}/index.md` under `nav:`",
                remedy="older trees list tutorials in index.md: use toctree-entry",
            )
        return Listing((Table("", (Section("", items[0].end, tuple(items)),), (tuple(indents), end)),))

    def value(self, entry: Entry, table: Table) -> Hashable:
        """Return nothing: an entry is its page."""
        return None

    def write(self, entry: Entry, table: Table, section: Section, index: int, style: Style | None) -> str:
        """Return the line, with the bullet of the one above."""
        indents, end = table.form
        return f"{indents[max(index - 1, 0)]}{entry.key}{end}"


@dataclass(frozen=True)
class Toctree:
    """The toctrees of an index page. A key is a page's name without ``.md``.

    An entry is written with or without ``.md`` as most entries of its toctree are. Of several toctrees the one with the
    most entries is the first table.
    """

    def read(self, text: str, where: str, key: str) -> Listing:
        """Read the toctrees. Raises `Refusal` if there is none."""
        tables = sorted(_toctrees(text), key=lambda table: -len(table.sections[0].items))
        if not tables:
            raise Refusal(
                "no toctree found",
                where=where,
                expected="a block that starts with `:::{toctree}`",
                remedy="newer trees list tutorials in mkdocs.yml: use mkdocs-nav-entry",
            )
        return Listing(tuple(tables))

    def value(self, entry: Entry, table: Table) -> Hashable:
        """Return nothing: an entry is its page."""
        return None

    def write(self, entry: Entry, table: Table, section: Section, index: int, style: Style | None) -> str:
        """Return the line."""
        indent, suffix, end = table.form
        return f"{indent}{entry.key}{suffix}{end}"


def _nav(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of the top-level key ``nav``, up to the next key or the end."""
    inside = False
    for start, line in placed_lines(text):
        if re.match(r"nav:\s*(#.*)?$", line):
            inside = True
        elif re.match(r"\w", line):
            inside = False
        elif inside:
            yield start, line


def _toctrees(text: str) -> Iterator[Table]:
    lines, end = placed_lines(text), end_of_lines(text)
    for number, (start, line) in enumerate(lines):
        opening = _FENCE.fullmatch(line)
        if opening is None:
            continue
        closing = re.compile(r"\s*" + opening["fence"] + opening["fence"][0] + r"*\s*")
        stop = next((i for i in range(number + 1, len(lines)) if closing.fullmatch(lines[i][1])), None)
        if stop is not None:
            inside = lines[number + 1 : stop]
            entries = [(begun, one) for begun, one in inside if not _NO_ENTRY.fullmatch(one)]
            first = next(
                (begun + len(one) for begun, one in reversed(inside) if one.strip()[:1] == ":"), start + len(line)
            )
            items = tuple(_item(_stem(one), begun, one, end) for begun, one in entries)
            with_suffix = 2 * sum(one.strip().rstrip(">").endswith(".md") for _, one in entries) >= len(entries)
            indent = re.match(r"[ \t]*", entries[0][1] if entries else line)
            form = (indent.group() if indent else "", ".md" if with_suffix else "", end)
            yield Table(_caption(inside), (Section("", first, items),), form)


def _caption(lines: list[tuple[int, str]]) -> str:
    """Return the caption of a toctree, "" if it has none."""
    return next((line.strip().removeprefix(":caption:").strip() for _, line in lines if ":caption:" in line), "")


def _stem(entry: str) -> str:
    """Return the page that an entry names: `Cedar.md`, `Cedar` and `Title <Cedar>` are one."""
    path = re.sub(r".*<(.*)>", r"\1", entry.strip())
    return path.removeprefix("./").removesuffix(".md")


def _item(key: str, start: int, line: str, end: str) -> Item:
    missing = None if line.endswith(("\n", "\r")) else (start + len(line), end)
    return Item(key, None, line.strip(), start, start + len(line), "", missing)
