"""Verdicts for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scaffold.delivery.sign_off import check_none_failed, check_parity, check_required
from scaffold_validators.outcome import Outcome
from scaffold_validators.stages.stage import Stage
from scaffold_validators.stages.table import STAGES
from scaffold_validators.verdict import Verdict


def make_verdict(stage: str, outcome: str = "passed", **fields: Any) -> Verdict:
    """Return a verdict of which only what matters is said."""
    rest = {"reason": "why", "device": "npu", "command": "vllm serve", "versions": {}, "digests": {}, "seconds": {}}
    return Verdict(**{**rest, "log": "serve.log", **fields, "stage": stage, "outcome": Outcome(outcome)})


def check_sign_off(
    verdicts: Sequence[Verdict],
    digests: Mapping[str, str],
    accepted_device: str = "npu",
    stages: Sequence[Stage] = STAGES,
    without_parity: str = "",
) -> None:
    """Check what a commit asks of verdicts, as points of the quality gate do one by one."""
    check_required(verdicts, digests, accepted_device, stages)
    check_none_failed(verdicts, digests, stages)
    if not without_parity:
        check_parity(verdicts, digests, accepted_device)
