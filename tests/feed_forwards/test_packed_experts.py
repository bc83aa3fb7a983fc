"""Experts with a module each, of which one layer holds gate and up: they are loaded as one of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scaffold.adapter.context import adapter_context
from scaffold.feed_forwards import experts
from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.weights.prove import prove
from tests.mixers.test_examples import read
from tests.models.odd_blocks import OF_EXPERTS, write_odd
from tests.models.specs import spec_of

LOADED = """\
            block, _, tensor = name.partition(".w13.")
            if not tensor or ".experts." not in block:
                yield name, weight
                continue
            gate, up = weight.chunk(2)
            yield f"{block}.gate_proj.{tensor}", gate
            yield f"{block}.up_proj.{tensor}", up"""


ODD = OF_EXPERTS["experts with gate and up as two blocks of a layer"]


def test_gate_and_up_of_each_expert_are_loaded_as_one_of_each(tmp_path: Path) -> None:
    checkpoint, source, decoder = read(write_odd(tmp_path, ODD))
    spec, usual = decoder.layer.feed_forward, experts.EXAMPLE.spec
    assert isinstance(spec, ExpertsSpec)
    assert isinstance(usual, ExpertsSpec)
    both = "{expert}.w13.weight"
    assert spec == replace(usual, gate_name=both, up_name=both, down_name="{expert}.w2.weight")
    assert spec.is_packed
    rules = weight_map_of(decoder, checkpoint, source)
    proof = prove(rules, checkpoint.tensors, (1, 2, 4))
    assert (proof.findings, proof.unrouted) == ((), ())
    (rule,) = (rule for rule in rules.rules if "w13" in rule.source)
    assert (rule.shape, [part.shard for part in rule.parts]) == ((64, 128), ["w1", "w3"])
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    (loader,) = context["loaders"]["rows"]
    assert LOADED in loader["text"]
    (text,) = context["feed_forward"]["classes"]["texts"]
    assert '"gate_proj", "w2", "up_proj"' in text


def test_another_order_is_a_hole(tmp_path: Path) -> None:
    replaced = (*ODD.replaced, ("gate, up = self.w13(", "up, gate = self.w13("))
    assert spec_of(write_odd(tmp_path, replace(ODD, replaced=replaced), layers=1)).decoder is None
