"""Verdicts for tests of what reads them."""

from __future__ import annotations

from typing import Any

from scaffold_validators.outcome import Outcome
from scaffold_validators.verdict import Verdict


def make_verdict(stage: str, outcome: str = "passed", **fields: Any) -> Verdict:
    """Return a verdict of which only what matters is said."""
    rest = {"reason": "why", "device": "npu", "command": "vllm serve", "versions": {}, "digests": {}, "seconds": {}}
    return Verdict(**{**rest, "log": "serve.log", **fields, "stage": stage, "outcome": Outcome(outcome)})
