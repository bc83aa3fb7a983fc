"""What one failure is: its finding, and how much it weighs when the cause is looked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from scaffold_validators.diagnosis import parts
from scaffold_validators.diagnosis.failures import IGNORED, Failure, is_refusal, tells_of_death
from scaffold_validators.diagnosis.finding import UNKNOWN, Finding
from scaffold_validators.diagnosis.signatures import Kind, Match, following_lines, matches
from scaffold_validators.diagnosis.tracebacks import Raised, exceptions

_COUNTED = re.compile(r"\b\d+ validation errors? for ")
_INTERRUPTS = ("KeyboardInterrupt", "SystemExit")
LINE_LENGTH = 500
AFTER_THE_END = "ended-from-outside"
"""The row of the signatures that stands for errors of a server that is being ended."""
AFTER_PYTHON = "interrupted"
"""The row of the signatures that stands for what Python says while it cleans up."""
BEFORE, AFTER = 7, 5
"""Lines to read around the line of an unknown exception."""


class Weight(IntEnum):
    """What a failure counts as the cause; of several the smallest is the cause, and of these the first."""

    CAUSE = 0
    """A known cause, or an exception that nobody knows."""
    WAITED = 1
    """It waited for another process."""
    UNCLEAR = 2
    """An error without an exception, which nobody knows."""
    SURVIVED = 3
    """The server lived on and answered, or only refused a request."""
    SAID = 4
    """One line of level ERROR that nobody knows."""
    FOLLOWED = 5
    """It tells that another process has failed."""
    PASSED = 6
    """A line of level ERROR, without an exception, after which the server came up or went on to answer: no failure."""


@dataclass(frozen=True)
class Judged:
    """One failure, and what was made of it.

    Attributes:
        finding: what it is.
        weight: what it counts as the cause.
        read: lines of it, as ``place: text``, for somebody who has to read them.
        answered: how many requests had been answered before it.
        time: sortable as text; empty where the log has none.
    """

    finding: Finding
    weight: Weight
    read: tuple[str, ...]
    answered: int
    time: str


def judge(failure: Failure, file: str, allow: Collection[str]) -> Judged | str:
    """Return what a failure is, or the id of the row that makes it harmless."""
    texts = failure.texts
    if texts[0].startswith(IGNORED):
        return AFTER_PYTHON
    raised = exceptions(texts)
    found = matches(texts)
    chosen = _chosen(found, raised)
    if chosen is None:
        return AFTER_THE_END if failure.ending else _unknown(failure, file, raised)
    row = chosen.signature
    if row.kind is Kind.HARMLESS or row.id in allow:
        return row.id
    if row.general and failure.ending:
        return AFTER_THE_END
    if row.kind is Kind.FOLLOWS:
        others = [link for link in raised if not following_lines().search(link.text)]
        if others:
            return _unknown(failure, file, others)
        if failure.ending:
            return AFTER_THE_END
    weight = {Kind.FOLLOWS: Weight.FOLLOWED, Kind.REQUEST: Weight.SURVIVED}.get(row.kind, Weight.CAUSE)
    weight = Weight.WAITED if row.waits else weight
    link = _link(raised, chosen.line)
    shown = link.index if link is not None and chosen.line < link.index else chosen.line
    origin = _origin(raised, link)
    if origin is not link and origin is not None:
        link, shown = origin, origin.index
    finding = _finding(failure, file, _reason(failure, shown), link, row.id)
    finding = _said(finding, row.meaning, row.remedy, row.kind.value, row.kind is Kind.FOLLOWS)
    return Judged(finding, weight, (), failure.answered, failure.time)


def _chosen(found: Sequence[Match], raised: Sequence[Raised]) -> Match | None:
    """Return the row that is meant, None where an exception that nobody knows is the cause of the one that is known."""
    if not found:
        return None
    first = found[0]
    if first.signature.general and len(raised) > 1:
        link = _link(raised, first.line)
        if link is not None and link is not raised[0] and link.direct:
            return None
    return first


def _reason(failure: Failure, shown: int) -> int:
    """Return the index of the line that says why: pydantic writes it after its class, which only counts."""
    texts = failure.texts
    if not _COUNTED.search(texts[shown]):
        return shown
    return next((index for index in range(shown + 1, len(texts)) if is_refusal(texts[index])), shown)


def _link(raised: Sequence[Raised], line: int) -> Raised | None:
    """Return the exception that a line belongs to: with its frames, its class, or its message.

    Native code that fails may interrupt Python: the line before such an interrupt says why, and not the interrupt.
    """
    own = [link for link in raised if line >= link.index or link.type not in _INTERRUPTS]
    return next((link for link in own if line <= link.last), own[-1] if own else None)


def _origin(raised: Sequence[Raised], link: Raised | None) -> Raised | None:
    """Return the exception that another one was raised from, through as many steps as there are."""
    at = next((index for index, other in enumerate(raised) if other is link), None)
    if at is None:
        return None
    while at > 0 and raised[at].direct:
        at -= 1
    return raised[at]


def _unknown(failure: Failure, file: str, raised: Sequence[Raised]) -> Judged:
    link = next((link for link in raised if not link.is_group), raised[0] if raised else None)
    shown = link.index if link is not None else _loudest(failure)
    finding = _finding(failure, file, _reason(failure, shown), link, UNKNOWN)
    finding = _said(finding, parts.MEANING, parts.to_do(finding.frame), UNKNOWN, False)
    native = any(line.line.native for line in failure.lines)
    weight = Weight.CAUSE if link is not None else Weight.UNCLEAR if native else Weight.SAID
    if link is None and any(tells_of_death(text) for text in failure.texts):
        weight = Weight.CAUSE
    return Judged(finding, weight, _to_read(failure, file, shown), failure.answered, failure.time)


def _loudest(failure: Failure) -> int:
    """Return the index of the line that shows a failure without an exception: of a death, else the first."""
    return next((index for index, text in enumerate(failure.texts) if tells_of_death(text)), 0)


def _to_read(failure: Failure, file: str, shown: int) -> tuple[str, ...]:
    first = 0 if shown <= BEFORE + AFTER else shown - BEFORE
    lines = [failure.lines[0], *failure.lines[first : shown + AFTER]] if first else failure.lines[: shown + AFTER]
    prefix = f"{file}:" if file else ""
    return tuple(f"{prefix}{line.number}: {line.raw.rstrip()[:LINE_LENGTH]}" for line in lines)


def _finding(failure: Failure, file: str, shown: int, link: Raised | None, id_: str) -> Finding:
    line = failure.lines[shown]
    exception = link.type.rpartition(".")[2] if link is not None else ""
    message = "\n".join(link.message).strip()[: 4 * LINE_LENGTH] if link is not None else ""
    frame = link.frame if link is not None else ""
    return Finding(
        id=id_,
        line_number=line.number,
        line=failure.texts[shown].strip()[:LINE_LENGTH],
        meaning="",
        remedy="",
        file=file,
        process=failure.process,
        exception=exception,
        message=message,
        frame=frame,
    )


def _said(finding: Finding, meaning: str, remedy: str, kind: str, engine_died: bool) -> Finding:
    return replace(finding, meaning=meaning, remedy=remedy, kind=kind, engine_died=engine_died)
