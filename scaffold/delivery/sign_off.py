"""The rule of sign-off: which evidence lets a commit be made. What a stage counts is a column of the stages' table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scaffold.common.calls import Calls
from scaffold.common.errors import CheckFailed
from scaffold.delivery.accuracy import Accuracy
from scaffold_validators.stages.stage import Counts, Stage
from scaffold_validators.stages.table import PARITY_PROOFS, STAGES
from scaffold_validators.verdict import Verdict

NPU = "npu"
UNNAMED = Calls("CHECKPOINT")
"""Where the model is not known."""


def check_required(
    verdicts: Sequence[Verdict],
    digests: Mapping[str, str],
    accepted_device: str = NPU,
    stages: Sequence[Stage] = STAGES,
    calls: Calls = UNNAMED,
) -> None:
    """Check that each stage that has to pass did, on exactly this tree and this checkpoint, on an accepted device.

    Args:
        verdicts: only those with the present digests count.
        digests: of trees and checkpoint as they are now.
        accepted_device: ``npu``, or another device that the user has named.
        stages: the table.
        calls: how this tool is called for the model.

    Raises:
        CheckFailed: one did not; dummy evidence never does.
    """
    for stage in stages:
        if stage.counts is not Counts.REQUIRED:
            continue
        of_stage = [verdict for verdict in verdicts if verdict.stage == stage.name]
        current = [verdict for verdict in of_stage if verdict.holds_for(digests)]
        if not current:
            raise _refused(
                stage,
                f"stage {stage.name} passed on another state of tree or checkpoint"
                if of_stage
                else f"stage {stage.name} has not been run",
                f"run: {calls.to('validate', '--stage', stage.name)}",
            )
        _check_passed(stage, current)
        _check_device(stage, current, accepted_device)


def check_none_failed(
    verdicts: Sequence[Verdict], digests: Mapping[str, str], stages: Sequence[Stage] = STAGES
) -> None:
    """Check that no stage that has to pass where it was run failed on exactly this tree and this checkpoint.

    Raises:
        CheckFailed: one did.
    """
    for stage in stages:
        if stage.counts is Counts.IF_RUN:
            _check_passed(stage, [v for v in verdicts if v.stage == stage.name and v.holds_for(digests)])


def check_parity(
    verdicts: Sequence[Verdict], digests: Mapping[str, str], accepted_device: str = NPU, calls: Calls = UNNAMED
) -> None:
    """Check that one of `PARITY_PROOFS` is there.

    Raises:
        CheckFailed: none is.
    """
    if parity_proof(verdicts, digests, accepted_device):
        return
    for device in sorted({verdict.device for verdict in verdicts} - {""}):
        proof = parity_proof(verdicts, digests, device)
        if proof:
            raise _only_on(device, f"parity with the reference was shown on the device {device!r} only", _PARITY)
    raise _no_parity(verdicts, digests, calls)


def _check_passed(stage: Stage, verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts:
        if verdict.failed:
            raise _refused(
                stage,
                f"stage {stage.name} ended as {verdict.outcome.word}: {verdict.reason}",
                f"{verdict.next_step or 'correct the adapter'}; then run the stage again",
            )


def check_accuracy(accuracy: Accuracy | None, digests: Mapping[str, str], pending: str, calls: Calls = UNNAMED) -> None:
    """Check that an evaluation of exactly this tree and checkpoint was kept, or that it is said why there is none.

    Raises:
        CheckFailed: neither.
    """
    if (accuracy is None and pending) or (accuracy is not None and accuracy.digests == digests):
        return
    of_another = "an evaluation of another state of tree or checkpoint" if accuracy is not None else "no accuracy"
    raise CheckFailed(
        of_another,
        where="commit",
        expected="figures of lm_eval for exactly this tree and checkpoint",
        remedy=f"run: {evaluation(calls)}, or pass its results with --results FILE; where there "
        'are none yet, say why: --accuracy-pending "REASON"',
    )


def evaluation(calls: Calls) -> str:
    """Return the call of an evaluation, with a task that fits any model that writes text."""
    return calls.to("evaluate", "--tasks", "gsm8k")


def parity_proof(
    verdicts: Sequence[Verdict], digests: Mapping[str, str], accepted_device: str = NPU
) -> tuple[Verdict, ...]:
    """Return the verdicts of the first of `PARITY_PROOFS` that is there, on this tree and checkpoint; empty if none is.

    What was served with the checkpoint's own weights counts on an accepted device alone; the twin's code is the same
    on each.
    """
    devices = {NPU, accepted_device}
    passed = [v for v in verdicts if v.holds_for(digests) and v.passed]

    def shown(stage: Stage) -> list[Verdict]:
        anywhere = stage.starts.weights != "real"
        return [v for v in passed if v.stage == stage.name and (anywhere or v.device in devices)]

    for proof in PARITY_PROOFS:
        found = [shown(stage) for stage in proof]
        if all(found):
            return tuple(verdict for of_stage in found for verdict in of_stage)
    return ()


def _no_parity(verdicts: Sequence[Verdict], digests: Mapping[str, str], calls: Calls) -> CheckFailed:
    asked = {stage.name for proof in PARITY_PROOFS for stage in proof}
    found = [f"stage {v.stage}: {v.reason}" for v in verdicts if v.stage in asked and v.holds_for(digests)]
    return CheckFailed(
        f"parity with the reference was not shown{''.join(f'; {said}' for said in found)}",
        where="commit",
        expected=_PARITY,
        remedy=f"run: {calls.to('validate', '--stage', 'parity')}; where its reference does not fit: "
        f"{calls.to('new-model', '--twin')}, then {calls.to('validate', '--stage', 'slice')}; "
        'or say why there is none: --without-parity "REASON"',
    )


def _check_device(stage: Stage, verdicts: Sequence[Verdict], accepted: str) -> None:
    devices = {verdict.device for verdict in verdicts}
    if not devices & {NPU, accepted}:
        device = min(devices)
        raise _only_on(device, f"stage {stage.name} was run on the device {device!r} only", _passed(stage))


def _only_on(device: str, found: str, expected: str) -> CheckFailed:
    remedy = f"run it on an NPU, or state that {device} evidence is enough with --accept-device {device}"
    return CheckFailed(found, where="commit", expected=expected, remedy=remedy)


def _refused(stage: Stage, found: str, remedy: str) -> CheckFailed:
    return CheckFailed(found, where="commit", expected=_passed(stage), remedy=remedy)


def _passed(stage: Stage) -> str:
    return f"stage {stage.name} passed on exactly this tree and checkpoint"


_PROOFS = ", or ".join(" and ".join(stage.name for stage in proof) for proof in PARITY_PROOFS)
_PARITY = f"passed on exactly this tree and checkpoint, on an accepted device: {_PROOFS}"
