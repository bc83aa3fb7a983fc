"""The parts of a model: the text decoder, and towers, projectors and draft heads around it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scaffold.checkpoint.facts import Fact
from scaffold.checkpoint.patterns import Pattern
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.values import Hole

TEXT_DECODER, TOWER, PROJECTOR, DRAFT_HEAD = "text decoder", "tower", "projector", "draft head"
"""Kinds of parts."""


@dataclass(frozen=True)
class Part:
    """A part of a model.

    Attributes:
        kind: text decoder, tower, projector or draft head.
        name: by which its tensors are found in the checkpoint; empty for the text decoder, which has all others.
        tensors: patterns of its tensors, where it has some of its own.
        facts: what is known of it.
        holes: what the evidence does not determine of it.
        left_out: why it is not read, and no code is generated for it; empty if it is.
    """

    kind: str
    name: str = ""
    tensors: tuple[Pattern, ...] = ()
    facts: tuple[Fact, ...] = ()
    holes: tuple[Hole, ...] = ()
    left_out: str = ""

    @property
    def num_tensors(self) -> int:
        """Return how many tensors are its own."""
        return sum(pattern.count for pattern in self.tensors)

    @property
    def num_bytes(self) -> int:
        """Return the bytes of its own tensors."""
        return sum(pattern.total_bytes for pattern in self.tensors)


@dataclass(frozen=True)
class TextDecoder(Part):
    """The part that turns tokens into logits.

    Attributes:
        decoder: what was read of it; None if there is a hole in its place.
    """

    kind: str = TEXT_DECODER
    decoder: DecoderSpec | None = None

    def with_holes(self, *holes: Hole) -> TextDecoder:
        """Return the part with more holes."""
        return replace(self, holes=(*self.holes, *holes))
