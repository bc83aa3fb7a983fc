"""A file that somebody edited since a run wrote it: what the run did to it is taken out, and the edits stay."""

from __future__ import annotations

import ast
from pathlib import Path

from codemods.changes.merging import merge
from codemods.refusal import Refusal

_BEGINS, _PARTS = b"<<<<<<<", b"======="
"""Git's marks around the first side of a conflict."""
_SHOWN = 3
"""How many of the lines that stand in the way a refusal shows."""


def without_run(edited: bytes, written: bytes, before: bytes, where: Path) -> bytes:
    """Return a file with a run's change taken out, and all that somebody changed besides.

    Three-way, by the rules of `codemods.changes.merging`: ``written`` is what the run made of ``before``, ``edited``
    what is there now. Raises `Refusal` where both changed the same lines or neighbours, where git cannot merge the
    file, and where Python that could be parsed no longer could: then nothing is known to be right.
    """
    try:
        merged = merge(edited, written, before, where)
    except Refusal as error:
        raise _refused(error.found.rpartition(", and ")[2], where) from error
    if merged.conflicts:
        raise _refused(_in_the_way(merged.content, edited), where)
    if where.suffix == ".py" and _is_python(edited) and not _is_python(merged.content):
        raise _refused("without what the run wrote, the rest is no Python", where)
    return merged.content


def refused_whole(where: Path) -> Refusal:
    """Return the refusal of a file that was made or removed as a whole: there is no part of it to take out."""
    return _refused("it was made or removed as a whole, by that run or since", where)


def _refused(found: str, where: Path) -> Refusal:
    return Refusal(
        f"the file was edited since the run that wrote it, and {found}",
        where=str(where),
        expected="what the run wrote, what was there before, or edits of other lines",
        remedy="keep those lines elsewhere, take them out, and run undo again; no file was restored",
    )


def _in_the_way(merged: bytes, edited: bytes) -> str:
    """Say which lines of the file stand where the run's own did, by git's marks."""
    lines = merged.splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith(_BEGINS))
    middle = next(n for n in range(begin, len(lines)) if lines[n].startswith(_PARTS))
    side = lines[begin + 1 : middle]
    there = edited.splitlines()
    starts = (n for n in range(len(there) - len(side) + 1) if there[n : n + len(side)] == side)
    number = next(starts, None)
    if not side:
        return "lines that the run wrote are gone or changed"
    place = f"lines {number + 1} to {number + len(side)}" if number is not None else "lines"
    shown = " ⏎ ".join(line.decode(errors="replace").strip() for line in side[:_SHOWN])
    more = " …" if len(side) > _SHOWN else ""
    return f"{place} are not as the run wrote them, or touch its own: `{shown}{more}`"


def _is_python(content: bytes) -> bool:
    try:
        ast.parse(content)
    except (SyntaxError, ValueError):
        return False
    return True
