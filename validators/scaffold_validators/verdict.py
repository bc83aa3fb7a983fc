"""What a gate concluded, with everything that supports it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from scaffold_validators.redact import redact

SCHEMA = 1
STAGES = ("twin", "dummy", "real", "parity")
OUTCOMES = ("passed", "failed", "false-ready")


@dataclass(frozen=True)
class Verdict:
    """The conclusion of one stage. ``digests`` name the tree and the checkpoint that it holds for."""

    stage: str
    outcome: str
    reason: str
    device: str
    command: str
    versions: Mapping[str, str]
    digests: Mapping[str, str]
    seconds: Mapping[str, float]
    log: str
    exchanges: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Return whether the stage passed."""
        return self.outcome == "passed"

    def to_json(self) -> str:
        """Return the verdict as JSON, secrets taken out."""
        return redact(json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2, ensure_ascii=False))
