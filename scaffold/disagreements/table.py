"""The kinds of disagreements, a file each, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from scaffold.checkpoint.drafts import draft_of
from scaffold.checkpoint.quantization import read_quantization
from scaffold.checkpoint.read import Checkpoint
from scaffold.disagreements import (
    activation_scales,
    adapters,
    as_made,
    beginnings,
    biases,
    data_type,
    expert_count,
    files,
    heads,
    hidden_size,
    ignored,
    indexer,
    inner_sizes,
    layer_count,
    layout,
    numbers,
    packed_parts,
    packing,
    prediction,
    quantisation,
    rotation,
    scale_shapes,
    targets,
    ties,
    towers,
    vocabulary_rows,
)
from scaffold.disagreements.finding import Disagreement
from scaffold.disagreements.subject import Subject, of
from scaffold.source.locate import ModelingSource
from scaffold.spec.decoder import DecoderSpec

KINDS: tuple[ModuleType, ...] = (
    numbers,
    rotation,
    files,
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
    packing,
    scale_shapes,
    activation_scales,
    ignored,
    targets,
    packed_parts,
    prediction,
    towers,
    indexer,
)
"""Each has ``KIND``, what people call it, and ``find``, which yields the disagreements of a `Subject`."""
BY_WORDS: tuple[ModuleType, ...] = (hidden_size, heads, inner_sizes, biases)
"""Those that hold names and shapes of a model that was not read against what a config's words mean in most classes."""


def disagreements(
    checkpoint: Checkpoint, decoder: DecoderSpec | None = None, source: ModelingSource | None = None
) -> tuple[Disagreement, ...]:
    """Return where a checkpoint's config and tensors say different things; of a draft, nothing is compared.

    Args:
        checkpoint: config and headers; a few rows of the data are read where embeddings and head are compared.
        decoder: what its model is, where that was read.
        source: its modeling source; where that was not understood, what its class makes otherwise than others do is
            no disagreement.

    Raises:
        CheckpointError: ModelSlim's description is damaged.
    """
    if draft_of(checkpoint) is not None:  # it shares embeddings and head with the model that it drafts for
        return ()
    found = checkpoint.weights.patterns
    quantization = read_quantization(checkpoint.path, checkpoint.config, checkpoint.text_config, found)
    all_found = tuple(found_in(of(checkpoint, decoder, quantization)))
    if decoder is not None or source is None or not any(one.decides for one in all_found):
        return all_found
    small = as_made.small_subject(source, checkpoint)
    return all_found if small is None else as_made.without(all_found, found_in(small, BY_WORDS))


def found_in(subject: Subject, kinds: Sequence[ModuleType] = KINDS) -> Iterator[Disagreement]:
    """Yield the disagreements of a subject."""
    for kind in kinds:
        find: Callable[[Any], Iterator[Disagreement]] = kind.find
        yield from (replace(one, written=subject.config) if one.overrides else one for one in find(subject))
