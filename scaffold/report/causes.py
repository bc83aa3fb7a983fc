"""Failures that were met on the way, false-ready ones among them, and the ladders that were climbed for them."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold.report.value import Climb, RootCause, Run
from scaffold_validators.outcome import Outcome
from scaffold_validators.stages.table import LADDER_STAGE
from scaffold_validators.verdict import Verdict


def causes_of(history: Sequence[Run]) -> tuple[RootCause, ...]:
    """Return the root cause of each failure, the oldest first; what failed again for the same cause is told once."""
    found: dict[tuple[object, ...], RootCause] = {}
    for run in history:
        verdict = run.verdict
        if not verdict.failed or verdict.stage == LADDER_STAGE.name:
            continue
        cause = _cause(run, history)
        found[cause.stage, cause.tensor_parallel_size, cause.outcome, cause.signature, cause.cause] = cause
    return tuple(sorted(found.values(), key=lambda cause: cause.number))


def false_ready_of(causes: Sequence[RootCause]) -> tuple[RootCause, ...]:
    """Return those where the server said that it was ready, and died on a request."""
    return tuple(cause for cause in causes if cause.outcome == Outcome.FALSE_READY.value)


def climbs_of(history: Sequence[Run]) -> tuple[Climb, ...]:
    """Return the ladders, the oldest first."""
    return tuple(Climb(run.number, run.verdict.steps, run.verdict.reason) for run in history if run.verdict.steps)


def _cause(run: Run, history: Sequence[Run]) -> RootCause:
    verdict = run.verdict
    return RootCause(
        number=run.number,
        stage=verdict.stage,
        tensor_parallel_size=verdict.tensor_parallel_size,
        outcome=verdict.outcome.value,
        cause=verdict.cause or verdict.reason,
        signature=verdict.signature,
        meaning=next((finding.meaning for finding in verdict.findings if finding.id == verdict.signature), ""),
        next_step=verdict.next_step,
        is_mended=any(_mends(later.verdict, verdict) for later in history[run.number :]),
    )


def _mends(later: Verdict, failed: Verdict) -> bool:
    same = (later.stage, later.tensor_parallel_size) == (failed.stage, failed.tensor_parallel_size)
    return same and later.passed
