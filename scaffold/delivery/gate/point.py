"""A point of the quality gate, how it ended, and the refusal that names those that are missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from scaffold.common.calls import Calls
from scaffold.common.errors import CheckFailed
from scaffold.delivery.gate.case import Case, Said

Remedy = Callable[[Calls], str]
"""What to do, in words, with the calls of this tool that do it."""


COMMIT = "commit"
"""Where a refusal of the commit itself happens; no evidence is there."""


class State(Enum):
    """How a point ended."""

    SHOWN = "shown"
    REASONED = "reasoned"
    """It is not shown, and it is on record why."""
    MISSING = "missing"

    @property
    def sign(self) -> str:
        """Return how the table shows it."""
        return {State.SHOWN: "✓", State.REASONED: "reasoned", State.MISSING: "✗"}[self]


@dataclass(frozen=True)
class Answer:
    """How a point ended for one model.

    Attributes:
        says: what was found, or the reason.
        where: the evidence: a log, a record, a file.
        error: what a missing point is refused with.
    """

    state: State
    says: str
    where: str = ""
    error: Said | None = None


@dataclass(frozen=True)
class Point:
    """One row of the table.

    Attributes:
        id: what the command line, refusals and documents call it.
        asks: what a reviewer asks for, as a sentence.
        look: holds it against a model.
        remedy: what shows it, as calls of this tool about the model.
        may_be_reasoned: whether a reason may stand in for it: what one machine cannot do, another can.
    """

    id: str
    asks: str
    look: Callable[[Case], Answer]
    remedy: Remedy
    may_be_reasoned: bool = False


@dataclass(frozen=True)
class Row:
    """A point and how it ended, and how this tool is called for the model."""

    point: Point
    answer: Answer
    calls: Calls

    @property
    def error(self) -> Said:
        """Return what a missing point is refused with, its own error where it has one."""
        error = self.answer.error
        return error or CheckFailed(
            self.answer.says, where=COMMIT, expected=self.point.asks, remedy=self.point.remedy(self.calls)
        )


class GateRefused(CheckFailed):
    """Points of the quality gate are missing; each is named.

    Attributes:
        rows: the whole table.
        lines: what a person reads in place of one long sentence: each point that is missing, and under those that one
            call shows, what to do; empty for a single point.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(rows)
        missing = [row for row in rows if row.answer.state is State.MISSING]
        errors = [row.error for row in missing]
        found = "; ".join(f"{row.point.id}: {error.found}" for row, error in zip(missing, errors, strict=True))
        is_one = len(missing) == 1
        super().__init__(
            found if is_one else f"{len(missing)} points of the quality gate are missing: {found}",
            where=", ".join(dict.fromkeys(error.where for error in errors)),
            expected=errors[0].expected
            if is_one
            else "; ".join(f"{row.point.id}: {row.point.asks}" for row in missing),
            remedy=errors[0].remedy
            if is_one
            else "; ".join(f"{r.point.id}: {e.remedy}" for r, e in zip(missing, errors)),
        )
        self.lines = () if is_one else _lines(missing)
        codes = {error.exit_code for error in errors}
        self.exit_code = codes.pop() if len(codes) == 1 else CheckFailed.exit_code


def _lines(missing: Sequence[Row]) -> tuple[str, ...]:
    """Return the points, and what to do once for those that follow each other and want the same."""
    groups = [(remedy, list(rows)) for remedy, rows in groupby(missing, key=lambda row: row.error.remedy)]
    found = [(remedy, [f"{row.point.id}: {row.error.found}" for row in rows]) for remedy, rows in groups]
    return (
        f"{len(missing)} points of the quality gate are missing",
        *(line for remedy, points in found for line in (*points, f"  remedy: {remedy}")),
    )


def check_rows(rows: Sequence[Row]) -> None:
    """Check that no point is missing.

    Raises:
        GateRefused: some are. Its exit code is theirs where they share one.
    """
    if any(row.answer.state is State.MISSING for row in rows):
        raise GateRefused(rows)


def used(reasons: Mapping[str, str], rows: Sequence[Row]) -> dict[str, str]:
    """Return the reasons that stand in for a point; there is nothing to excuse where it was shown after all."""
    needed = {row.point.id for row in rows if row.answer.state is State.REASONED}
    return {point: why for point, why in reasons.items() if point in needed}


def shown(says: str, where: str = "") -> Answer:
    """Return that a point is shown."""
    return Answer(State.SHOWN, says, where)


def missing(says: str, where: str = "", error: Said | None = None) -> Answer:
    """Return that a point is missing."""
    return Answer(State.MISSING, says, where, error)


def reasoned(says: str, where: str = "") -> Answer:
    """Return that a reason stands in for a point."""
    return Answer(State.REASONED, says, where)


def refused(error: Said) -> Answer:
    """Return that a check refused a point."""
    return missing(error.found, "" if error.where == COMMIT else error.where, error)
