"""What became of the lines of a text, entry by entry: what was put in at one place is one stretch.

Line by line, an entry that repeats lines of its neighbours (blank ones, imports, closing brackets) can be seen as
put in at several places. It is the one at which it begins as entries do: after a blank line or with one, least
indented, with no closing bracket; git's own diff settles it likewise (git: ``xdiff/xdiffi.c``, indent heuristic).
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

CLOSING = tuple(")]}")


class Stretch(NamedTuple):
    """Lines ``first:last`` of the old text, and ``start:stop`` of the new one, as `SequenceMatcher` says it."""

    name: str
    first: int
    last: int
    start: int
    stop: int


def stretches(old: Sequence[str], new: Sequence[str]) -> list[Stretch]:
    """Return what became of the lines of a text, in order.

    Args:
        old: lines with their ends.
        new: likewise.
    """
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    middle = SequenceMatcher(None, old[start : len(old) - end], new[start : len(new) - end], autojunk=False)
    found = [Stretch("equal", 0, start, 0, start)]
    found += [Stretch(name, i + start, j + start, k + start, m + start) for name, i, j, k, m in middle.get_opcodes()]
    found.append(Stretch("equal", len(old) - end, len(old), len(new) - end, len(new)))
    return _settled(found, old, new)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines two texts begin with both."""
    return next((n for n, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def _settled(found: list[Stretch], old: Sequence[str], new: Sequence[str]) -> list[Stretch]:
    """Return the stretches with those between equal ones at the place where an entry begins."""
    for number in range(1, len(found) - 1):
        before, changed, after = found[number - 1 : number + 2]
        if changed.name not in ("insert", "delete") or (before.name, after.name) != ("equal", "equal"):
            continue
        text = new if changed.name == "insert" else old
        low, high = (changed.start, changed.stop) if changed.name == "insert" else (changed.first, changed.last)
        up = down = 0
        while up < before.last - before.first and text[low - 1 - up] == text[high - 1 - up]:
            up += 1
        while down < after.last - after.first and text[low + down] == text[high + down]:
            down += 1
        by = min(range(-up, down + 1), key=lambda by: (*_rank(text[low + by : high + by]), by))
        found[number - 1] = before._replace(last=before.last + by, stop=before.stop + by)
        found[number] = Stretch(changed.name, *(place + by for place in changed[1:]))
        found[number + 1] = after._replace(first=after.first + by, start=after.start + by)
    return [one for one in found if one.first < one.last or one.start < one.stop]


def _rank(block: Sequence[str]) -> tuple[bool, int, bool]:
    """Return how little a block looks like a whole entry."""
    line = next((line for line in block if line.strip()), "")
    return line.lstrip().startswith(CLOSING), len(line) - len(line.lstrip()), bool(block and block[0].strip())
