"""What a registered class computes: the spec of the architecture's source has to be the one that was read."""

from __future__ import annotations

from dataclasses import replace

from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.reading.from_source import difference
from scaffold.roots.vllm_tree import Registered
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.holes import listed
from scaffold.strategy.gate import Gate
from scaffold.strategy.protocol import Question

OTHER = "its own modeling source ({source}) computes something else than transformers' {architecture}: {difference}"
NOT_READ = "what it computes was not compared with anything: {holes}"
ALONE = "nothing here tells what {class_name} computes but its name: transformers has no {architecture} to compare with"


def same_spec(question: Question, entry: Registered) -> Gate:
    """Compare the checkpoint's spec with that of the registered architecture's source in transformers."""
    from scaffold.strategy.candidates import Candidates

    reading = question.reading
    source, spec = reading.source, reading.spec
    if spec.decoder is None:
        return Gate(unproved=(NOT_READ.format(holes=listed(spec.holes)),))
    if source is None or (source.library is not None and source.class_name == entry.architecture):
        return Gate()  # a plain family, or the architecture's own source
    told = {"class_name": entry.class_name, "architecture": entry.architecture}
    if reading.transformers is None:
        return Gate(unproved=(ALONE.format(**told),))
    other = Candidates(reading.transformers, reading.checkpoint, source).spec_of(entry)
    if other is None:
        return Gate(unproved=(ALONE.format(**told),))
    other = _laid_out_like(other, spec.decoder)
    if other == spec.decoder:
        return Gate()
    shown = difference(spec.decoder, other)
    return Gate(against=(OTHER.format(source=source.file.shown, difference=shown, **told),))


def _laid_out_like(other: DecoderSpec, read: DecoderSpec) -> DecoderSpec:
    """Return what the architecture's source computes, with experts that lie as those of the source that was read."""
    if len(other.layers) != len(read.layers):
        return other
    layers = []
    for one, here in zip(other.layers, read.layers, strict=True):
        block, like = one.feed_forward, here.feed_forward
        if isinstance(block, ExpertsSpec) and isinstance(like, ExpertsSpec):
            one = replace(one, feed_forward=block.laid_out_like(like))
        layers.append(one)
    return replace(other, layers=tuple(layers))
