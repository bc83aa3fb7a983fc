"""Headings of a Markdown page, without what only looks like one in a block of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADING = re.compile(r"(#{1,6})\s+(\S.*?)\s*#*\s*$")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_NUMBER = re.compile(r"(\d+(?:\.\d+)*)\.?\s+(?=\S)")
_ATTRIBUTES = re.compile(r"\s*\{:?\s*#([\w.-]+)[^}]*\}\s*$")
_OPTIONAL = re.compile(r"\s*[(（](?:optional|可选)[)）]\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Heading:
    """One heading.

    Attributes:
        level: how many ``#`` it has.
        number: such as ``3.1``; empty without one.
        title: its words, without number, anchor and ``(Optional)``.
        anchor: what it is given as ``{: #anchor }``; empty without one.
    """

    level: int
    number: str
    title: str
    anchor: str = ""

    @property
    def text(self) -> str:
        """Return the line as a page has it."""
        anchor = f" {{: #{self.anchor} }}" if self.anchor else ""
        return f"{'#' * self.level} {self.number + ' ' if self.number else ''}{self.title}{anchor}"

    @property
    def slug(self) -> str:
        """Return what links to it: its own anchor, else what MyST and MkDocs make of its words."""
        words = f"{self.number} {self.title}".strip().lower()
        return self.anchor or re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", words))


def headings(text: str) -> Iterator[Heading]:
    """Yield the headings of a page in its order."""
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if found and not fence:
            fence = found[1]
        elif found and found[1] == line.strip() and found[1][0] == fence[0] and len(found[1]) >= len(fence):
            fence = ""
        heading = None if fence or found else _HEADING.match(line)
        if heading:
            yield _heading(len(heading[1]), heading[2])


def _heading(level: int, words: str) -> Heading:
    anchor = _ATTRIBUTES.search(words)
    words = _OPTIONAL.sub("", _ATTRIBUTES.sub("", words))
    number = _NUMBER.match(words)
    title = " ".join(words[number.end() if number else 0 :].split())
    return Heading(level, number[1] if number else "", title, anchor[1] if anchor else "")
