"""What decides which features a model has: facts of its checkpoint, each with its evidence."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fact:
    """Whether something holds, and what says so.

    Attributes:
        holds: None where it is not known.
        evidence: a config key, a tensor's name, the spec.
    """

    holds: bool | None = None
    evidence: str = "not read"


@dataclass(frozen=True)
class ModelFacts:
    """Facts of one model.

    Attributes:
        experts: it has routed experts.
        draft_promised: its config says that it has layers that predict further tokens (MTP).
        draft_there: the checkpoint has their tensors.
        sees: it takes pictures.
        max_model_len: the longest sequence that its config allows; None where it does not say.
    """

    experts: Fact = field(default_factory=Fact)
    draft_promised: Fact = field(default_factory=Fact)
    draft_there: Fact = field(default_factory=Fact)
    sees: Fact = field(default_factory=Fact)
    max_model_len: int | None = None
