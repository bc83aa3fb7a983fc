"""A file that somebody edited since a run wrote it: what the run did to it is taken out, and the edits stay."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from difflib import SequenceMatcher
from pathlib import Path

from codemods.changes.merging import merged_or_why_not
from codemods.refusal import Refusal

_BEGINS, _PARTS = b"<<<<<<<", b"======="
"""Git's marks around the first side of a conflict."""
_LANGUAGES: Mapping[str, tuple[str, Callable[[bytes], object]]] = {
    ".py": ("Python", ast.parse),
    ".json": ("JSON", json.loads),
}
"""Suffix of files that have to be parsed as before → the name of what they are written in, and its parser."""
_SHOWN = 3
"""How many of the lines that stand in the way a refusal shows."""


def without_run(edited: bytes, written: bytes, before: bytes, where: Path) -> bytes:
    """Return a file with a run's change taken out, and with all that somebody changed besides.

    Three-way, by the rules of `codemods.changes.merging`: ``written`` is what the run made of ``before``, ``edited``
    what is there now. Where neighbours of the run's lines were edited, too, the run's lines go if it only added lines
    and all of these are there as it wrote them. Raises `Refusal` where they are not, where git cannot merge the file,
    and where what could be parsed (`_LANGUAGES`) no longer could: then nothing is known to be right.
    """
    merged = merged_or_why_not(edited, written, before)
    if isinstance(merged, str):
        raise _refused(merged, where)
    rest = _without_added(edited, written, before) if merged.conflicts else merged.content
    if rest is None:
        raise _refused(_in_the_way(merged.content, edited), where)
    language, parse = _LANGUAGES.get(where.suffix, ("", None))
    if parse and _is_parsed(edited, parse) and not _is_parsed(rest, parse):
        raise _refused(f"without what the run wrote, the rest is no {language}", where)
    return rest


def _without_added(edited: bytes, written: bytes, before: bytes) -> bytes | None:
    """Return a file without the lines that a run added, if it only added lines and they are there as it wrote them.

    None where that is not so, and where the line behind them may be a part of them, as it is indented further.
    """
    old, new, there = (text.splitlines(keepends=True) for text in (before, written, edited))
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    if any(step not in ("equal", "insert") for step, *_ in steps):
        return None
    kept = SequenceMatcher(None, new, there, autojunk=False).get_matching_blocks()
    for begin, end in reversed([(begin, end) for step, _, _, begin, end in steps if step == "insert"]):
        start = next((b.b + begin - b.a for b in kept if b.a <= begin and end <= b.a + b.size), None)
        if start is None or _indent(there[start + end - begin :]) > _indent(new[begin:end]):
            return None
        del there[start : start + end - begin]
    return b"".join(there)


def _indent(lines: list[bytes]) -> int:
    """Return the indentation of the first line that is not blank."""
    first = next((line for line in lines if line.strip()), b"")
    return len(first) - len(first.lstrip())


def refused_whole(where: Path) -> Refusal:
    """Return the refusal of a file that was made or removed as a whole: there is no part of it to take out."""
    return _refused("it was made or removed as a whole, by that run or since", where)


def _refused(found: str, where: Path) -> Refusal:
    return Refusal(
        f"the file was edited since the run that wrote it, and {found}",
        where=str(where),
        expected="what the run wrote, what was there before, or edits of other lines",
        remedy="save those lines elsewhere, remove them, and run undo again; no file was restored",
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


def _is_parsed(content: bytes, parse: Callable[[bytes], object]) -> bool:
    try:
        parse(content)
    except (SyntaxError, ValueError):
        return False
    return True
