"""The kinds of disagreements, a file each, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from scaffold.checkpoint.quantization import read_quantization
from scaffold.checkpoint.read import Checkpoint
from scaffold.disagreements import (
    adapters,
    beginnings,
    biases,
    data_type,
    expert_count,
    heads,
    hidden_size,
    ignored,
    inner_sizes,
    layer_count,
    layout,
    numbers,
    prediction,
    quantisation,
    targets,
    ties,
    vocabulary_rows,
)
from scaffold.disagreements.finding import Disagreement
from scaffold.disagreements.subject import Subject, of
from scaffold.spec.decoder import DecoderSpec

KINDS: tuple[ModuleType, ...] = (
    numbers,
    layout,
    adapters,
    beginnings,
    vocabulary_rows,
    hidden_size,
    layer_count,
    heads,
    inner_sizes,
    expert_count,
    biases,
    ties,
    data_type,
    quantisation,
    ignored,
    targets,
    prediction,
)
"""Each has ``KIND``, what people call it, and ``find``, which yields the disagreements of a `Subject`."""


def disagreements(checkpoint: Checkpoint, decoder: DecoderSpec | None = None) -> tuple[Disagreement, ...]:
    """Return where a checkpoint's config and tensors say different things.

    Args:
        checkpoint: config and headers; a few rows of the data are read where embeddings and head are compared.
        decoder: what its model is, where that was read.

    Raises:
        CheckpointError: ModelSlim's description is damaged.
    """
    found = checkpoint.weights.patterns
    quantization = read_quantization(checkpoint.path, checkpoint.config, checkpoint.text_config, found)
    return tuple(found_in(of(checkpoint, decoder, quantization)))


def found_in(subject: Subject) -> Iterator[Disagreement]:
    """Yield the disagreements of a subject."""
    for kind in KINDS:
        find: Callable[[Any], Iterator[Disagreement]] = kind.find
        yield from find(subject)
