"""The rule of sign-off: which evidence lets a commit be made. What a stage counts is a column of the stages' table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scaffold.common.errors import CheckFailed
from scaffold_validators.stages.stage import Counts, Stage
from scaffold_validators.stages.table import STAGES
from scaffold_validators.verdict import Verdict

NPU = "npu"


def check_sign_off(
    verdicts: Sequence[Verdict],
    digests: Mapping[str, str],
    accepted_device: str = NPU,
    stages: Sequence[Stage] = STAGES,
) -> None:
    """Check that what is required has passed on exactly this tree and this checkpoint, on an accepted device.

    Args:
        verdicts: only those with the present digests count.
        digests: ``tree`` and ``checkpoint`` as they are now.
        accepted_device: ``npu``, or another device that the user has named.
        stages: the table.

    Raises:
        CheckFailed: the evidence does not suffice; dummy evidence never does.
    """
    for stage in stages:
        if stage.counts is Counts.NOT:
            continue
        of_stage = [verdict for verdict in verdicts if verdict.stage == stage.name]
        current = [verdict for verdict in of_stage if verdict.digests == digests]
        if stage.counts is Counts.REQUIRED and not current:
            raise _refused(
                stage,
                f"stage {stage.name} passed on another state of tree or checkpoint"
                if of_stage
                else f"stage {stage.name} has not been run",
                f"run: scaffold validate CHECKPOINT --stage {stage.name}",
            )
        for verdict in current:
            if not verdict.passed:
                raise _refused(
                    stage,
                    f"stage {stage.name} ended as {verdict.outcome.word}: {verdict.reason}",
                    "correct the adapter and run the stage again",
                )
        if stage.counts is Counts.REQUIRED:
            _check_device(stage, current, accepted_device)


def _check_device(stage: Stage, verdicts: Sequence[Verdict], accepted: str) -> None:
    devices = {verdict.device for verdict in verdicts}
    if not devices & {NPU, accepted}:
        device = min(devices)
        raise _refused(
            stage,
            f"stage {stage.name} was run on the device {device!r} only",
            f"run it on an NPU, or state that {device} evidence is enough with --accept-device {device}",
        )


def _refused(stage: Stage, found: str, remedy: str) -> CheckFailed:
    return CheckFailed(
        found,
        where="commit",
        expected=f"stage {stage.name} passed on exactly this tree and checkpoint",
        remedy=remedy,
    )
