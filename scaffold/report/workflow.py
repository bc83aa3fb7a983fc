"""The steps that brought a model where it is, as commands of this tool: those that left something on record."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.common.calls import Calls
from scaffold.delivery.accuracy import Accuracy
from scaffold.report.value import Report
from scaffold_validators.stages.table import default_gates

OF_THEIR_OWN = ("features", "capacity")
"""Stages that are run where they are asked for."""
MODELS = "/models"
"""Where checklist and container have checkpoints: a machine's own paths are nobody's business in a comment."""
COMPARED = ("parity", "slice")
"""Of these the default run does one."""


def workflow_of(report: Report) -> tuple[tuple[str, str, str], ...]:
    """Return section and key of the words of each step, and its command, in the order of the day.

    Nothing stands there that was not done. The commands are those of the model, in the container.
    """
    return tuple(_steps(report))


def _steps(report: Report) -> Iterator[tuple[str, str, str]]:
    calls = Calls(f"{MODELS}/{report.identity.name}")
    yield "step", "plan", calls.to("new-model")
    ran = {run.verdict.stage for run in report.history}
    by_default = [stage.name for stage in default_gates()]
    if ran >= {*by_default} - {*COMPARED} and ran & {*COMPARED}:
        yield "step", "validate", calls.to("validate", *_sizes(report, by_default))
    else:
        for stage in by_default:
            if stage in ran:
                yield "stage", stage, calls.to("validate", "--stage", stage, *_sizes(report, [stage]))
    for stage in OF_THEIR_OWN:
        if stage in ran:
            yield "step", stage, calls.to("validate", "--stage", stage, *_sizes(report, [stage]))
    if report.accuracy is not None:
        yield "step", "evaluate", calls.to("evaluate", *_asked(report.accuracy))
    if report.benchmark is not None:
        yield "step", "bench", calls.to("evaluate", "--bench")
    if report.commit is not None:
        yield "step", "commit", calls.to("commit")


def _asked(accuracy: Accuracy) -> Iterator[str]:
    """Yield the options with which the same is asked again."""
    yield from ("--tasks", ",".join(task.name for task in accuracy.tasks))
    shots = {task.num_fewshot for task in accuracy.tasks}
    if len(shots) == 1:
        yield from ("--num-fewshot", str(*shots))
    if accuracy.chat_template:
        yield "--chat"


def _sizes(report: Report, stages: list[str]) -> tuple[str, ...]:
    """Return the option for the tensor-parallel sizes of stages; none where that is one rank alone."""
    served = [run.verdict for run in report.history if run.verdict.stage in stages and run.verdict.device]
    sizes = sorted({verdict.tensor_parallel_size for verdict in served})
    return () if sizes in ([], [1]) else ("--tp", ",".join(map(str, sizes)))
