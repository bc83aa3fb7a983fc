"""One growth of one list, from a text of upstream's to its next one: each new or moved entry by the codemod."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codemods import Refusal, Style, find_codemod

if TYPE_CHECKING:
    from tests.bench.replay.lists import Arguments, Replayed
    from tests.bench.replay.readers import Row


@dataclass
class Tally:
    """What came of a list's entries. ``faults`` say what was wrong, ``places`` how far from upstream's own place."""

    added: int = 0
    moved: int = 0
    changed: int = 0
    not_said: int = 0
    same_lines: int = 0
    places: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def entries(self) -> int:
        """How many entries the codemod was asked for."""
        return self.added + self.moved + self.changed


@dataclass(frozen=True)
class Growth:
    """An entry that the next text has, and what it was in the one before: new, in another table, of another value."""

    row: Row
    what: str


def growths(before: list[Row], after: list[Row], is_per_table: bool) -> Iterator[Growth]:
    """Yield what a list gained, in upstream's order."""
    old = {(row.table, row.key): row.value for row in before}
    new = {(row.table, row.key) for row in after}
    left = {row.key for row in before if (row.table, row.key) not in new}
    for row in after:
        known = old.get((row.table, row.key))
        if known is None:
            yield Growth(row, "moved" if row.key in left and not is_per_table else "added")
        elif known != row.value:
            yield Growth(row, "changed")


def replay(replayed: Replayed, before: str, after: str, style: Style, tally: Tally, label: str) -> None:
    """Add to a text what upstream's next one has more, and note what comes of it."""
    text, new = before, []
    old, upstream = replayed.read(before), replayed.read(after)
    for growth in growths(old, upstream, replayed.is_per_table):
        given = _given(replayed, growth, old)
        if given is None:
            tally.not_said += 1
            continue
        setattr(tally, growth.what, getattr(tally, growth.what) + 1)
        name = f"{label} {growth.what} {growth.row.table} {growth.row.key}"
        try:
            text = _applied(replayed, text, given, style, growth, tally, name)
        except Refusal as refusal:
            tally.faults.append(f"{name}: {refusal}")
            continue
        if growth.what != "changed":
            new.append(growth.row)
    kept = {(row.table, row.key) for row in old} & {(row.table, row.key) for row in upstream}
    result = replayed.read(text)
    tally.places += [abs(_rank(result, row, kept) - _rank(upstream, row, kept)) for row in new if _find(result, row)]
    grown = _format_diff(text, style) - _format_diff(before, style) if replayed.file.endswith(".py") else 0
    if grown > 0:
        tally.faults.append(f"{label}: a formatter would change {grown} more lines")


def _given(replayed: Replayed, growth: Growth, old: list[Row]) -> Arguments | None:
    """Return the codemod's arguments, None if the entry cannot be said by them or its table is a new one."""
    arguments = replayed.arguments(growth.row)
    beside = [row for row in old if row.table == growth.row.table]
    if arguments is None or (beside and growth.row.columns != beside[0].columns):
        return None
    if growth.row.columns and not beside:
        return None
    takes = {parameter.name for parameter in find_codemod(replayed.codemod).parameters}
    given = {name: value for name, value in arguments.items() if name in takes and (value or name == "checkpoint")}
    if growth.row.section not in {row.section for row in beside}:
        given.pop("section", None)  # a heading that is new, too
    return given if growth.what == "added" else {**given, "replace": "yes"}


def _applied(
    replayed: Replayed, text: str, given: Arguments, style: Style, growth: Growth, tally: Tally, name: str
) -> str:
    """Run the codemod, twice, and note what is wrong. Raises `Refusal`."""
    codemod = find_codemod(replayed.codemod)
    if replayed.has_classes and f"class {given['class_name']}(" not in text:
        text += f"\n\nclass {given['class_name']}(object):\n    pass\n"
    changed = codemod.run(text, given, style)
    tally.faults += [f"{name}: {fault}" for fault in _faults(replayed, text, changed, growth)]
    if codemod.run(changed, given, style) != changed:
        tally.faults.append(f"{name}: not the same when run again")
    ours = _find(replayed.read(changed), growth.row)
    tally.same_lines += ours is not None and ours.lines == growth.row.lines
    return changed


def _faults(replayed: Replayed, before: str, after: str, growth: Growth) -> Iterator[str]:
    ours, row = _find(replayed.read(after), growth.row), growth.row
    if ours is None or ours.value != row.value:
        yield f"the entry is {ours and ours.value}, upstream's {row.value}"
    kept = [one for one in _entries(replayed, before) if growth.what == "added" or one[1] != row.key]
    if [one for one in _entries(replayed, after) if one[1] != row.key or one in kept] != kept:
        yield "another entry changed"
    removed = [line[1:] for line in _diff(before, after) if line.startswith("-")]
    leaves = replayed.codemod == "vllm-retired-model"
    if growth.what == "added" and not leaves and any(_ended(line) not in after.splitlines() for line in removed):
        yield f"removed {removed}"


def _entries(replayed: Replayed, text: str) -> list[tuple[str, str, str]]:
    return [(row.table, row.key, row.value) for row in replayed.read(text)]


def _ended(line: str) -> str:
    return line if line.endswith(",") else f"{line},"


def _diff(before: str, after: str) -> list[str]:
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[-1] == new[-1]:  # what is the same at both ends: difflib takes long for it
        old.pop(), new.pop()
    same = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    lines = difflib.unified_diff(old[same:], new[same:], n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _find(rows: list[Row], wanted: Row) -> Row | None:
    return next((row for row in rows if (row.table, row.key) == (wanted.table, wanted.key)), None)


def _rank(rows: list[Row], wanted: Row, kept: set[tuple[str, str]]) -> int:
    """Count the entries of a table that were there before, and stand before the wanted one."""
    table = [row for row in rows if row.table == wanted.table]
    place = next(index for index, row in enumerate(table) if row.key == wanted.key)
    return sum((row.table, row.key) in kept for row in table[:place])


def _format_diff(text: str, style: Style) -> int:
    """Return how many lines ruff's formatter would change."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(style.line_length), "--diff"]
    shown = subprocess.run([*command, "-"], input=text, capture_output=True, text=True, check=False)
    return sum(line[:1] in "+-" and line[:3] not in ("+++", "---") for line in shown.stdout.splitlines() if line)
