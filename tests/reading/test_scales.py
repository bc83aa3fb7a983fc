"""Learned scales on the branches of a layer: read wherever they lie, written as the source has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.adapter.context import adapter_context
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.reading.present import decoder_facts
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.layers import ScaleSpec
from scaffold.weights.prove import prove
from tests.carried.test_carried_over import holes_of
from tests.mixers.test_examples import read
from tests.models.odd_blocks import FED, MADE_SCALES, MIXED, NUMBER, SCALED, VECTOR, Odd, write_odd

READ = {
    "vectors of the layer": ("gamma", "beta"),
    "numbers on both sides of a sum": ("beta", "gamma"),
    "modules of their own": ("ls1.gamma", "ls2.gamma"),
    "at the end of blocks": ("odd.gamma", "feed_forward.gamma"),
}
WRITTEN = {
    "vectors of the layer": [
        "scaled = hidden_states * self.gamma",
        "residual = residual + scaled",
        "hidden_states = hidden_states * self.beta",
        "return residual + hidden_states",
    ],
    "numbers on both sides of a sum": ["scaled = residual * self.beta", "attn_output * self.gamma"],
    "modules of their own": ["hidden_states * self.ls1_gamma", "hidden_states * self.ls2_gamma"],
    "at the end of blocks": ["hidden_states * self.odd_gamma", "hidden_states * self.feed_forward_gamma"],
}


@pytest.mark.parametrize("name", SCALED)
def test_a_learned_scale_is_a_step_of_the_layer(tmp_path: Path, name: str) -> None:
    checkpoint, source, decoder = read(write_odd(tmp_path, SCALED[name]))
    of_one = name.startswith("numbers")
    assert decoder.layer.scales == tuple(ScaleSpec(path, of_one) for path in READ[name])
    rules = weight_map_of(decoder, checkpoint, source)
    proof = prove(rules, checkpoint.tensors, (1, 2, 4))
    assert (proof.findings, proof.unrouted) == ((), ())
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    text = "\n".join(context["layer"]["statements"]["rows"])
    assert [line for line in WRITTEN[name] if line not in text] == []
    assert {row["size"] for row in context["layer"]["scales"]["rows"]} == {"1" if of_one else "config.hidden_size"}
    assert any("scale1" in fact.value for fact in decoder_facts(decoder))


HOLES = {
    "beside what it multiplies": (NUMBER, (MIXED, "hidden_states = hidden_states + mixed + self.gamma * mixed")),
    "of the tokens": (VECTOR, (FED, FED.replace("return ", "return self.gamma * hidden_states.mean(1) + "))),
}


@pytest.mark.parametrize("name", HOLES)
def test_what_is_no_such_scale_is_a_hole(tmp_path: Path, name: str) -> None:
    made, replaced = HOLES[name]
    odd = Odd(replaced=((MADE_SCALES, f"        self.gamma = {made}\n{MADE_SCALES}"), replaced))
    assert holes_of(write_odd(tmp_path, odd))


def test_a_scale_of_some_layers_has_no_idiom(tmp_path: Path) -> None:
    made = f"        self.gamma = {VECTOR} if layer_idx else None\n{MADE_SCALES}"
    mixed = "hidden_states = hidden_states + (mixed if self.gamma is None else self.gamma * mixed)"
    checkpoint, source, decoder = read(write_odd(tmp_path, Odd(replaced=((MADE_SCALES, made), (MIXED, mixed)))))
    rules = weight_map_of(decoder, checkpoint, source)
    with pytest.raises(NotUnderstood, match=r"only some have a learned scale|flow in different ways"):
        adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
