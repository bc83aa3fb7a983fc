"""All that was found out about a checkpoint's model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scaffold.checkpoint.facts import Fact
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.parts import Part, TextDecoder
from scaffold.spec.values import Hole


@dataclass(frozen=True)
class ModelSpec:
    """A model.

    Attributes:
        architecture: the class that the checkpoint asks for.
        model_type: the config's.
        source_class: the class that was read; None without modeling source.
        config_class: the class of its config.
        modalities: what it takes.
        about: facts of the model as a whole.
        text: the text decoder.
        others: towers, projectors and draft heads.
    """

    architecture: str
    model_type: str
    source_class: str | None
    config_class: str | None
    modalities: tuple[str, ...]
    about: tuple[Fact, ...]
    text: TextDecoder
    others: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return all parts, the text decoder first."""
        return (self.text, *self.others)

    @property
    def decoder(self) -> DecoderSpec | None:
        """Return what was read of the text decoder."""
        return self.text.decoder

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Return what is known of the model and of its parts."""
        return (*self.about, *(fact for part in self.parts for fact in part.facts))

    @property
    def holes(self) -> tuple[Hole, ...]:
        """Return the holes of all parts."""
        return tuple(hole for part in self.parts for hole in part.holes)

    def with_holes(self, *holes: Hole) -> ModelSpec:
        """Return the model with more holes in its text decoder."""
        return replace(self, text=self.text.with_holes(*holes))
