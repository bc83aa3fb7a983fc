"""What a gate concluded, with everything that supports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scaffold_validators.log_scan import Finding
from scaffold_validators.openai_api import Exchange
from scaffold_validators.outcome import Outcome
from scaffold_validators.records import Kind, dump, structure, unstructure
from scaffold_validators.redact import redact_all


@dataclass(frozen=True)
class Verdict:
    """The conclusion of one stage. ``digests`` name the tree and the checkpoint that it holds for."""

    stage: str
    outcome: Outcome
    reason: str
    device: str
    command: str
    versions: Mapping[str, str]
    digests: Mapping[str, str]
    seconds: Mapping[str, float]
    log: str
    tensor_parallel_size: int = 1
    exchanges: tuple[Exchange, ...] = ()
    findings: tuple[Finding, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, by name; None for what is no number, such as a NaN."""

    @property
    def passed(self) -> bool:
        """Return whether the stage passed."""
        return self.outcome is Outcome.PASSED

    @property
    def failed(self) -> bool:
        """Return whether the stage failed; one without a reference has done neither."""
        return self.outcome.is_failure

    def redacted(self) -> Verdict:
        """Return the verdict with secrets taken out."""
        return structure(redact_all(unstructure(self)), Verdict, "verdict")

    def to_json(self) -> str:
        """Return the text of its record, secrets taken out."""
        return dump(VERDICT, self.redacted())


VERDICT = Kind("verdict", 2, Verdict, remedy="remove the file, and run the stage again with scaffold validate")
