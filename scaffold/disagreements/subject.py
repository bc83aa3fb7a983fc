"""What disagreements are looked for in: a checkpoint, its tensors as patterns, and its decoder where that was read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scaffold.checkpoint.modalities import MODALITIES
from scaffold.checkpoint.patterns import Pattern, patterns
from scaffold.checkpoint.prediction import MODULES
from scaffold.checkpoint.quantization import FP8, UNQUANTISED
from scaffold.disagreements.finding import Said
from scaffold.vocabulary.lookup import at, key_of, spellings

if TYPE_CHECKING:
    from scaffold.checkpoint.headers import Forms
    from scaffold.checkpoint.quantization import Quantization
    from scaffold.checkpoint.read import Checkpoint
    from scaffold.spec.decoder import DecoderSpec

LAYER = re.compile(r"^(?:[^*]*\.)?(?:layers|h|blocks|layer)\.\*\.[^*]+$")
"""The name of a tensor that each layer has once."""
TOWERS = frozenset(word for modality in MODALITIES for word in modality.words) | {"vision_model", "vpm", "resampler"}
WHOLE = frozenset((*UNQUANTISED, *FP8))
"""Data types whose tensors have the shape of the weight: nothing is packed."""


@dataclass(frozen=True)
class Subject:
    """A checkpoint as kinds of disagreements look at it.

    Attributes:
        config: ``config.json`` as it is.
        text: the text config in it; the same where it is not nested.
        text_key: the key of the text config; empty where it is not nested.
        patterns: all tensors.
        decoder: its spec, if it was read.
        quantization: as config and tensors tell it.
        checkpoint: the files, for what shapes do not tell; None in tests of shapes alone.
    """

    config: Mapping[str, Any]
    text: Mapping[str, Any]
    text_key: str
    patterns: Sequence[Pattern]
    decoder: DecoderSpec | None = None
    quantization: Quantization | None = None
    checkpoint: Checkpoint | None = None

    @cached_property
    def own(self) -> tuple[Pattern, ...]:
        """Return the tensors of the language model: no tower's, no draft head's."""
        others = TOWERS | set(MODULES)
        return tuple(p for p in self.patterns if not others & set(p.name.split(".")))

    @cached_property
    def names(self) -> frozenset[str]:
        """Return the names of its patterns."""
        return frozenset(p.name for p in self.own)

    @property
    def completed(self) -> Mapping[str, Any]:
        """Return the text config with what its class adds, where that is known."""
        return {**self.decoder.config, **self.text} if self.decoder is not None else self.text

    @property
    def forms(self) -> Forms:
        """Return the form of each tensor by its name; none in tests of shapes alone."""
        return {} if self.checkpoint is None else self.checkpoint.weights.forms

    def override(self, key: str, value: Any) -> dict[str, Any]:
        """Return what the text config would have to say, as an override of ``config.json``."""
        path = [*([self.text_key] if self.text_key else []), *key.split(".")]
        found: Any = value
        for name in reversed(path):
            found = {name: found}
        return dict(found)

    def said(self, key: str) -> Said:
        """Return what the config says under a key of the text config."""
        where = f"{self.text_key}.{key}" if self.text_key else key
        value = at(self.text, key)
        if value is None:
            return Said(f"config.json, {where}", f"{where} is not stated")
        return Said(f"config.json, {where}", f"{where} is {number(value)}")

    def key(self, role: str) -> str | None:
        """Return the key that states a role in the text config."""
        return key_of(role, self.text)

    def whole_number(self, role: str) -> int | None:
        """Return a role that the config states as one whole number."""
        key = self.key(role)
        value = at(self.text, key) if key else None
        return value if type(value) is int else None


def of(checkpoint: Checkpoint, decoder: DecoderSpec | None, quantization: Quantization | None) -> Subject:
    """Return the subject of a checkpoint."""
    found = checkpoint.weights.patterns
    if decoder is not None and decoder.listed is not None:
        found = patterns({decoder.listed.renamed(name): form for name, form in checkpoint.weights.forms.items()})
    return Subject(
        checkpoint.config, checkpoint.text_config, checkpoint.text_key, found, decoder, quantization, checkpoint
    )


def number(value: Any) -> str:
    """Return a value of the config as a sentence has it."""
    if type(value) is bool:
        return str(value).lower()
    return f"{value:,}" if type(value) is int else repr(value)


def sizes(config: Mapping[str, Any], *roles: str) -> set[int]:
    """Return all whole numbers that a config has for roles, those of lists too."""
    return {size for role in roles for key in spellings(role) for size in _numbers(at(config, key))}


def _numbers(value: Any) -> Iterator[int]:
    for one in value if isinstance(value, list) else [value]:
        if type(one) is int:
            yield one


def shape(pattern: Pattern) -> str:
    """Return name and shape of a pattern."""
    return f"{pattern.name} {list(pattern.shape)}"
