"""How a feature ended: four states, and what was not tried apart from all four."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class State(Enum):
    """The states of a feature."""

    VERIFIED = "verified"
    UNSUPPORTED = "unsupported"
    """It applies, it was tried, and it fails."""
    CHECKPOINT_LACKS = "checkpoint-lacks-it"
    """The config promises it, and the checkpoint has no tensors for it."""
    NOT_APPLICABLE = "not-applicable"
    NOT_TRIED = "not-tried"
    """This device, or this number of ranks, cannot show it: nothing is known of the model."""

    @property
    def sign(self) -> str:
        """Return how tables show it."""
        return SIGNS[self]


SIGNS = {
    State.VERIFIED: "✅",
    State.UNSUPPORTED: "❌",
    State.CHECKPOINT_LACKS: "⚠️ checkpoint lacks it",
    State.NOT_APPLICABLE: "N/A",
    State.NOT_TRIED: "not tried on this device",
}


@dataclass(frozen=True)
class FeatureResult:
    """One feature of one model.

    Attributes:
        evidence: the line, number or fact that the state rests on.
        log: of the server that showed it; empty where none was started.
        numbers: what was measured, such as the acceptance rate of drafts.
    """

    feature: str
    state: State
    evidence: str
    log: str = ""
    command: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
