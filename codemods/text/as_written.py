r"""An edit of a text that keeps how its file is written: byte order mark, line ends, indentation.

A codemod sees a text with ``\n`` at the end of each line and, in Python, levels of four spaces. What it
changes is taken over line by line into the text as it was written: a line that it did not touch keeps
every byte, a new one ends and is indented as those around it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from codemods.text.lines import python_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MARK = "\ufeff"
"""The byte order mark that some editors put before the first line."""
LEVEL = "    "
"""One level of indentation as codemods read and write it (https://peps.python.org/pep-0008/#indentation)."""
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n)|([^\r\n]+)")
_BLANK = re.compile(r"[ \t]*")
_OPENS = (":", "(", "[", "{")
_UNITS = frozenset({"\t", *(" " * width for width in range(1, 9))})


@dataclass(frozen=True)
class _Line:
    """A line's text, and its end, which the last one may not have."""

    text: str
    end: str


def edited(text: str, edit: Callable[[str], str], *, is_python: bool) -> str:
    """Return a text as it was written, with what ``edit`` makes of its plain form.

    ``edit`` gets the text without a byte order mark, with line feeds and, where ``is_python``, with levels of
    four spaces. A file whose last line has no end has none afterwards. What it raises is passed on.
    """
    mark = MARK if text.startswith(MARK) else ""
    body = text[len(mark) :]
    unit = indent_unit(body) if is_python else LEVEL
    if "\r" not in body and unit == LEVEL:
        return mark + _ended_as(body, edit(body))
    lines = list(_lines(body))
    plain = [_Line(_relevelled(line.text, unit, LEVEL), "\n" if line.end else "") for line in lines]
    before = "".join(line.text + line.end for line in plain)
    after = _ended_as(before, edit(before))
    return text if after == before else mark + _taken_over(lines, plain, list(_lines(after)), unit)


def _ended_as(before: str, after: str) -> str:
    """Return a text after an edit without the end of its last line, where that had none before."""
    return after.removesuffix("\n") if before and not before.endswith("\n") else after


def indent_unit(text: str) -> str:
    """Return what one level of indentation is in Python source: what most lines that open a block are followed by.

    Units wider than four spaces count only where all lines are indented by whole ones: others would be no longer in
    order as levels of four.
    """
    units: Counter[str] = Counter()
    widths: set[int] = set()
    opening: str | None = None
    for line in python_lines(text):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        blank = _blank(line)
        widths.add(len(blank))
        if opening is not None and blank.startswith(opening) and blank[len(opening) :] in _UNITS:
            units[blank[len(opening) :]] += 1
        opening = blank if stripped.endswith(_OPENS) else None
    unit = max(units, key=lambda unit: units[unit], default=LEVEL)
    is_wide = len(unit) > len(LEVEL)
    return LEVEL if is_wide and any(width % len(unit) for width in widths) else unit


def _lines(text: str) -> Iterator[_Line]:
    for match in _LINE.finditer(text):
        yield _Line(match[3] or match[1] or "", match[2] or "")


def _blank(line: str) -> str:
    match = _BLANK.match(line)
    return match.group() if match else ""


def _relevelled(line: str, old: str, new: str) -> str:
    """Return a line with its levels of ``old`` in levels of ``new``; further blanks stay."""
    if old == new:
        return line
    blank = _blank(line)
    levels = 0
    while blank.startswith(old, levels * len(old)):
        levels += 1
    return new * levels + line[levels * len(old) :]


def _taken_over(lines: Sequence[_Line], plain: Sequence[_Line], after: Sequence[_Line], unit: str) -> str:
    """Return the lines after an edit of the plain ones, each that was there before as it was written."""
    written: list[str] = []
    usual = Counter(line.end for line in lines if line.end).most_common(1)
    end = usual[0][0] if usual else "\n"
    for old, new in _pairs(plain, after):
        if old is not None:
            end = lines[old].end or end
        if new is None:
            continue
        if old is None:
            text = _relevelled(after[new].text, LEVEL, unit)
        else:
            text = _rewritten(lines[old].text, plain[old].text, after[new].text, unit)
        # A line feed right after a carriage return would be one end with it, and an empty line less.
        joins = not text and end == "\n" and written and written[-1].endswith("\r")
        written.append(text + (("\r" if joins else end) if after[new].end else ""))
    return "".join(written)


def _rewritten(line: str, plain: str, after: str, unit: str) -> str:
    """Return a line after the edit of its plain form; what stands before its text stays if the edit left it."""
    blank = _blank(after)
    if _blank(plain) == blank:
        return _blank(line) + after[len(blank) :]
    return _relevelled(after, LEVEL, unit)


def _pairs(before: Sequence[_Line], after: Sequence[_Line]) -> Iterator[tuple[int | None, int | None]]:
    """Yield which line became which, in order; None stands for a line that is new or gone."""
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        yield first, first
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    middle = SequenceMatcher(None, before[first : len(before) - last], after[first : len(after) - last], autojunk=False)
    for _, i, end_i, j, end_j in middle.get_opcodes():
        for step in range(max(end_i - i, end_j - j)):
            old, new = (first + start + step if start + step < end else None for start, end in ((i, end_i), (j, end_j)))
            yield old, new
    for step in range(last, 0, -1):
        yield len(before) - step, len(after) - step
