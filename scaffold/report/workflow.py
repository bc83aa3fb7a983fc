"""The steps that brought a model where it is, as commands of this tool: those that left something on record."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.report.value import Report
from scaffold_validators.stages.table import default_gates

OF_THEIR_OWN = ("features", "capacity")
"""Stages that are run where they are asked for."""


def workflow_of(report: Report) -> tuple[tuple[str, str], ...]:
    """Return step and command of each, in the order of the day; nothing stands there that was not done."""
    return tuple(_steps(report))


def _steps(report: Report) -> Iterator[tuple[str, str]]:
    yield "plan", "scaffold new-model CHECKPOINT"
    ran = {run.verdict.stage for run in report.history}
    if ran & {stage.name for stage in default_gates()}:
        yield "validate", "scaffold validate CHECKPOINT"
    for stage in OF_THEIR_OWN:
        if stage in ran:
            yield stage, f"scaffold validate CHECKPOINT --stage {stage}"
    if report.accuracy is not None:
        yield "evaluate", "scaffold evaluate CHECKPOINT"
    if report.commit is not None:
        yield "commit", "scaffold commit CHECKPOINT"
