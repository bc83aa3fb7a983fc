"""An odd block of experts, read and proved: what it is, and the classes of its adapter."""

from __future__ import annotations

from pathlib import Path

from scaffold.adapter.context import adapter_context
from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.weights.prove import prove
from tests.mixers.test_examples import read
from tests.models.odd_blocks import Odd, write_odd


def read_of(directory: Path, odd: Odd) -> tuple[ExpertsSpec, str]:
    checkpoint, source, decoder = read(write_odd(directory, odd))
    rules = weight_map_of(decoder, checkpoint, source)
    proof = prove(rules, checkpoint.tensors, (1, 2, 4))
    assert (proof.findings, proof.unrouted) == ((), ())
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    spec = decoder.layer.feed_forward
    assert isinstance(spec, ExpertsSpec)
    return spec, "\n".join(context["feed_forward"]["classes"]["texts"])
