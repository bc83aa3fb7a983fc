"""What stands in brackets, one entry on lines of its own: the offsets of each, its comma, its comments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.entries.listing import Item, Section
from codemods.entries.python.source import code_characters
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from codemods.entries.python.source import Source

# A comment that heads a section of entries, rather than belonging to the entry below it.
_HEADING = re.compile(r"# *(\[.+\]|.+ models)")
_COMMENTS = re.compile(r"[ \t\f]*(#[^\r\n]*)?(?:\r\n|\r|\n)?")


@dataclass(frozen=True)
class Node:
    """An entry in brackets: where its first and last node begin and end, its key, its value and how that is shown."""

    start: int
    end: int
    key: str | None
    value: Hashable
    shown: str


@dataclass(frozen=True)
class Form:
    """How the entries of brackets are laid out: the white space before each, and that of the bracket's own line."""

    indent: str
    unit: str
    line_end: str
    quote: str = '"'


def sections(
    source: Source, name: str, opening: int, closing: int, nodes: Sequence[Node], where: str
) -> tuple[tuple[Section, ...], Form]:
    """Read the sections between the brackets at two offsets, and how the entries are laid out.

    A comment such as ``# [Decoder-only]`` or ``# Multimodal models`` begins a section. Raises `Refusal` if entries
    are not on lines of their own.
    """
    text = source.text
    items, after, labels = [], opening + 1, []
    for number, node in enumerate(nodes):
        until = nodes[number + 1].start if number + 1 < len(nodes) else closing
        start = next(code_characters(text, after, node.start + 1), (node.start, ""))[0]
        comma = next((offset for offset, c in code_characters(text, node.end, until) if c == ","), None)
        before_comma = code_characters(text, node.end, closing if comma is None else comma)
        end = max((offset + 1 for offset, _ in before_comma), default=node.end)
        line, last = source.line_start(start), source.line_end(end if comma is None else comma)
        rest = text[end if comma is None else comma + 1 : last]
        if text[line:start].strip() or not _COMMENTS.fullmatch(rest) or last > closing:
            raise _crowded(name, where)
        missing = (end, ",") if comma is None else None
        tail = rest.rstrip() if rest.strip() else ""
        items.append(Item(node.key, node.value, node.shown, line, last, text[line:start], missing, tail))
        labels.append(_heading(source, items[-2].end if number else source.line_end(opening), line))
        after = last
    return _divided(source, opening, closing, items, labels), _form(source, opening, nodes, items)


def _divided(
    source: Source, opening: int, closing: int, items: list[Item], labels: list[tuple[str, int] | None]
) -> tuple[Section, ...]:
    if not items:
        return (_empty(source, opening, closing),)
    found: list[Section] = []
    begun, label, first = 0, "", source.line_end(opening)
    for index, heading in enumerate(labels):
        if heading is not None:
            if index:
                found.append(Section(label, first, tuple(items[begun:index])))
            begun, (label, first) = index, heading
    return (*found, Section(label, first, tuple(items[begun:])))


def _empty(source: Source, opening: int, closing: int) -> Section:
    inside = source.text[opening + 1 : closing]
    if "\n" in inside or "\r" in inside:
        return Section("", source.line_end(opening), ())
    end = _end_of(source, opening)
    if inside.strip():
        raise _crowded("the list", "")
    return Section("", closing, (), (end, _indent(source, opening)))


def _heading(source: Source, start: int, end: int) -> tuple[str, int] | None:
    """Return the last heading among the comment lines from one offset up to another, and the offset after it."""
    found, offset = None, start
    while offset < end:
        after = source.line_end(offset)
        if match := _HEADING.fullmatch(source.text[offset:after].strip()):
            found = (match[1].strip("[]"), after)
        offset = after
    return found


def _form(source: Source, opening: int, nodes: Sequence[Node], items: list[Item]) -> Form:
    outer = _indent(source, opening)
    indent = items[-1].indent if items else outer + "    "
    unit = indent.removeprefix(outer) if indent.startswith(outer) and indent != outer else "    "
    quotes = [source.text[node.start] for node in nodes if source.text[node.start] in "\"'"]
    quote = "'" if quotes and all(quote == "'" for quote in quotes) else '"'
    return Form(indent, unit, _end_of(source, opening), quote)


def _indent(source: Source, offset: int) -> str:
    line = source.text[source.line_start(offset) :]
    return line[: len(line) - len(line.lstrip(" \t\f"))]


def _end_of(source: Source, offset: int) -> str:
    line = source.text[source.line_start(offset) : source.line_end(offset)]
    return line[len(line.rstrip("\r\n")) :] or "\n"


def _crowded(name: str, where: str) -> Refusal:
    return Refusal(
        f"{name} is not written one entry per line",
        where=where,
        expected="each entry on lines of its own",
        remedy="format the file with ruff or add the entry by hand",
    )
