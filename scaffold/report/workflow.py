"""The steps that brought a model where it is, as commands of this tool: those that left something on record."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.report.value import Report
from scaffold_validators.stages.table import default_gates

OF_THEIR_OWN = ("features", "capacity")
"""Stages that are run where they are asked for."""
COMPARED = ("parity", "slice")
"""Of these the default run does one."""


def workflow_of(report: Report) -> tuple[tuple[str, str, str], ...]:
    """Return section and key of the words of each step, and its command, in the order of the day.

    Nothing stands there that was not done.
    """
    return tuple(_steps(report))


def _steps(report: Report) -> Iterator[tuple[str, str, str]]:
    yield "step", "plan", "scaffold new-model CHECKPOINT"
    ran = {run.verdict.stage for run in report.history}
    by_default = [stage.name for stage in default_gates()]
    if ran >= {*by_default} - {*COMPARED} and ran & {*COMPARED}:
        yield "step", "validate", "scaffold validate CHECKPOINT"
    else:
        for stage in by_default:
            if stage in ran:
                yield "stage", stage, f"scaffold validate CHECKPOINT --stage {stage}"
    for stage in OF_THEIR_OWN:
        if stage in ran:
            yield "step", stage, f"scaffold validate CHECKPOINT --stage {stage}"
    if report.accuracy is not None:
        yield "step", "evaluate", "scaffold evaluate CHECKPOINT"
    if report.commit is not None:
        yield "step", "commit", "scaffold commit CHECKPOINT"
