"""Which lines of a file that several people edit are a plan's: those alone go into its commit.

Each line of the file as it is now is followed back through what the plan wrote; what came in elsewhere (another
plan's line, a user's own) stays out of the commit and in the work tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scaffold.common.errors import CheckFailed
from scaffold.delivery.line_ends import Line, lines_of, written
from scaffold.delivery.stretches import stretches


@dataclass(frozen=True)
class Edit:
    """What one run of a plan did to a file that it did not create.

    Attributes:
        root: the label of its tree, ``vllm`` or ``delivery``.
        path: below that, with slashes.
    """

    root: str
    path: str
    before: str
    after: str


def own_lines(committed: str, edits: Sequence[Edit], now: str) -> str:
    """Return a file as it was committed last, with the lines of a plan as they are now, and nothing else.

    Where one entry ends is no line of its own: a comma, or the last line feed, that an entry behind it needs is
    written where that entry is, whoever wrote it.

    Args:
        committed: the file in the commit before.
        edits: what the plan's runs did to it, the oldest first.
        now: the file in the work tree.

    Raises:
        CheckFailed: the plan rewrote a line that is not in the commit before, so that it cannot be told apart; or a
            line of the plan is gone, or was edited together with lines of others.
    """
    old, new = lines_of(committed), lines_of(now)
    own, rewritten, written_by_plan = _follow(edits, _bodies(new))
    if sum(own) < written_by_plan:
        raise _lost(edits[-1])
    left = Counter(line for before, _ in rewritten for line in before)
    picked, added = list[Line](), set[str]()
    for operation, first, last, start, stop in stretches(_bodies(old), _bodies(new)):
        if operation == "equal":
            picked += old[first:last]
            continue
        for line in old[first:last]:
            if left[line.body] > 0:
                left[line.body] -= 1
            else:
                picked.append(line)  # somebody else took it out
        mine = [line for line, is_own in zip(new[start:stop], own[start:stop], strict=True) if is_own]
        picked += mine
        added.update(_bodies(mine))
    for before, after in rewritten:
        foreign = [line for line in before if left[line] > 0]
        if foreign and added & set(after):
            raise _shared(edits[0], foreign[0])
    return written(picked, _texts(committed, edits, now), ends_like=edits[-1].after)


def without_own(plans: Iterable[Sequence[Edit]], now: str) -> str:
    """Return a file without the lines of some plans.

    Args:
        plans: of each, what its runs did to the file, the oldest first.
        now: the file.
    """
    every = list(plans)
    lines = lines_of(now)
    owned = [_follow(edits, _bodies(lines))[0] for edits in every]
    kept = [line for number, line in enumerate(lines) if not any(own[number] for own in owned)]
    return written(kept, [text for edits in every for text in _texts("", edits, now)], ends_like=now)


def _bodies(lines: Sequence[Line]) -> list[str]:
    return [line.body for line in lines]


def _texts(committed: str, edits: Sequence[Edit], now: str) -> list[str]:
    return [committed, *(text for edit in edits for text in (edit.before, edit.after)), now]


Rewritten = tuple[list[str], list[str]]
"""Lines of others that a plan took out, and what it wrote in their place."""


def _follow(edits: Sequence[Edit], now: list[str]) -> tuple[list[bool], list[Rewritten], int]:
    """Return whether each line of now is the plan's, what it did to lines of others, and how many it had written."""
    lines = _bodies(lines_of(edits[0].before))
    own, rewritten = [False] * len(lines), list[Rewritten]()
    for edit in edits:
        before, after = _bodies(lines_of(edit.before)), _bodies(lines_of(edit.after))
        own = list(_carried(lines, own, before, False))
        for operation, first, last, start, stop in stretches(before, after):
            foreign = [line for line, is_own in zip(before[first:last], own[first:last], strict=True) if not is_own]
            if operation in ("delete", "replace") and foreign:
                rewritten.append((foreign, after[start:stop]))
        own = list(_carried(before, own, after, True))
        lines = after
    return list(_carried(lines, own, now, False)), rewritten, sum(own)


def _carried(old: list[str], own: list[bool], new: list[str], by_plan: bool) -> Iterator[bool]:
    """Yield whether each line of ``new`` is the plan's, as one is that somebody corrected in its place."""
    for operation, first, last, start, stop in stretches(old, new):
        if operation == "equal":
            yield from own[first:last]
        else:
            yield from [by_plan or (first < last and all(own[first:last]))] * (stop - start)


def _lost(edit: Edit) -> CheckFailed:
    added = Counter(_bodies(lines_of(edit.after))) - Counter(_bodies(lines_of(edit.before)))
    wrote = "\n".join(added).strip()
    return CheckFailed(
        f"lines of this plan that are gone, or were edited together with others; it wrote {wrote!r}",
        where=edit.path,
        expected="the lines that the plan wrote, corrected or not, in lines of their own",
        remedy="run scaffold new-model for this model again, which writes what is missing",
    )


def _shared(edit: Edit, line: str) -> CheckFailed:
    return CheckFailed(
        f"a line that this plan rewrote, and that is not in the last commit: {line.strip()!r}",
        where=edit.path,
        expected="a line of this plan alone, as its commit is to hold nothing else",
        remedy="commit the earlier change of this line first",
    )
