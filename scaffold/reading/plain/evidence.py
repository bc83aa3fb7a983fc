"""The facts of a plain family: their evidence is what the checkpoint's names, shapes and config say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scaffold.checkpoint.facts import DecoderPart, Evidence, Fact
from scaffold.checkpoint.read import Checkpoint
from scaffold.reading.plain.family import Family
from scaffold.reading.present import decoder_facts, model_facts
from scaffold.spec.decoder import DecoderSpec


def about_plain(family: Family, checkpoint: Checkpoint) -> Iterator[Fact]:
    """Yield what is known of a model that was read as one of the plain families."""
    every = f"all {len(checkpoint.tensors):,} tensors"
    yield Fact(
        "modeling source",
        f"none: read from names and shapes, as a plain {family.name}",
        (Evidence("config", "architectures"), Evidence("config", "model_type"), Evidence("tensor", every)),
    )
    yield from model_facts(checkpoint, None)


def plain_facts(family: Family, spec: DecoderSpec) -> Iterator[Fact]:
    """Yield what is known of the decoder of such a model.

    Our own definition of the family is no evidence of what a checkpoint is: in its place stand the tensors that
    a fact is about, all of which have the names and shapes that the family gives them.
    """
    for fact in decoder_facts(spec):
        tensors = Evidence("tensor", _tensors(fact.about, spec), f"as a plain {family.name} has them")
        found = [tensors if evidence.kind == "source" else evidence for evidence in fact.evidence]
        yield replace(fact, evidence=tuple(dict.fromkeys(found)))


def _tensors(part: DecoderPart, spec: DecoderSpec) -> str:
    """Return the pattern of the tensors that a part of the decoder has; those of the attention for the whole."""
    layer = f"{spec.base_name}.{spec.layers_name}.*"
    if part == "final norm":
        return f"{spec.base_name}.{spec.norm_name}.weight"
    if part == "layer norms":
        return f"{layer}.{{{','.join(path for path, _ in spec.layer.norms)}}}.weight"
    if part == "feed-forward":
        return f"{layer}.{spec.layer.feed_forward.name}.*"
    return f"{layer}.{spec.layer.mixer.name}.*"
