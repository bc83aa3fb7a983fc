"""What a gate concluded, with everything that supports it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scaffold_validators.diagnosis import Finding
from scaffold_validators.openai_api import Exchange
from scaffold_validators.outcome import Outcome
from scaffold_validators.records import Kind, dump, structure, unstructure
from scaffold_validators.redact import redact_all
from scaffold_validators.results.capacity import CapacityResult
from scaffold_validators.results.feature import FeatureResult
from scaffold_validators.results.ladder import LadderStep
from scaffold_validators.watching.doing import ProcessState

WEIGHTS = "weights"
"""The digest of all that the files of a checkpoint hold, which takes as long as reading them."""


@dataclass(frozen=True)
class Verdict:
    """The conclusion of one stage.

    Attributes:
        reason: why, as a sentence.
        digests: of the tree and the checkpoint that it holds for.
        seconds: how long each thing took.
        log: the evidence file; empty where nothing was started.
        exchanges: the requests for text, with what came back.
        findings: failures in the log, the cause first.
        numbers: what was measured, by name; None for what is no number, such as a NaN.
        cause: the root cause; empty where it passed.
        signature: the row that names the cause; ``unknown`` where none does.
        next_step: what to do.
        processes: what the server's processes did when it was given up.
        allowed: ids of findings that were taken for harmless because the user said so.
        features: of stage features, one row each.
        steps: of stage ladder, what was tried in which order, and how each ended.
        capacity: of stage capacity.
        log_sha256: of the evidence file, when the verdict was reached; empty without one.
        previous: the SHA-256 of the record that was kept before it; empty for the first.
    """

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
    cause: str = ""
    signature: str = ""
    next_step: str = ""
    processes: tuple[ProcessState, ...] = ()
    allowed: tuple[str, ...] = ()
    features: tuple[FeatureResult, ...] = ()
    steps: tuple[LadderStep, ...] = ()
    capacity: CapacityResult | None = None
    log_sha256: str = ""
    previous: str = ""

    @property
    def passed(self) -> bool:
        """Return whether the stage passed."""
        return self.outcome is Outcome.PASSED

    @property
    def failed(self) -> bool:
        """Return whether the stage failed; one without a reference has done neither."""
        return self.outcome.is_failure

    def holds_for(self, digests: Mapping[str, str]) -> bool:
        """Return whether it was reached on exactly the present state.

        The content of weights counts where the verdict has its digest (``--sums``); names, shapes and sizes always do.
        """
        asked = {name: digest for name, digest in digests.items() if name in self.digests or name != WEIGHTS}
        return dict(self.digests) == asked

    @property
    def evidence(self) -> str:
        """Return the digest of its record: of all that is known, its log's digest among it."""
        return str(json.loads(self.to_json())["sha256"])

    def redacted(self) -> Verdict:
        """Return the verdict with secrets taken out."""
        return structure(redact_all(unstructure(self)), Verdict, "verdict")

    def to_json(self) -> str:
        """Return the text of its record, secrets taken out."""
        return dump(VERDICT, self.redacted())


VERDICT = Kind("verdict", 3, Verdict, remedy="remove the file, and run the stage again with scaffold validate")
