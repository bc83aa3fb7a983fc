"""Layers with several attentions and dense blocks, and experts whose result is added where the layer ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.adapter.context import adapter_context
from scaffold.capacity.kv_cache import KvCache, kv_cache
from scaffold.checkpoint.read import Checkpoint
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers import table as mixers
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.reading.present import decoder_facts
from scaffold.source.locate import ModelingSource
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.decoder import DecoderSpec
from scaffold.weights.prove import prove
from tests.carried.test_carried_over import holes_of
from tests.mixers.test_examples import read
from tests.models.odd_blocks import OF_EXPERTS, TWICE, Odd, write_odd
from tests.sampled import costly, sampled

PLAIN = Odd(experts=True, replaced=TWICE)
FLOW = "return hidden_states + routed"


def changed(*replaced: tuple[str, str]) -> Odd:
    """Return the layer with texts of its source replaced."""
    return replace(PLAIN, replaced=(*TWICE, *replaced))


Read = tuple[Checkpoint, ModelingSource | None, DecoderSpec]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Return the layer as it is: read once for several tests."""
    return read(write_odd(tmp_path_factory.mktemp("plain"), PLAIN))


def test_a_layer_with_two_attentions_is_read_and_written(plain: Read) -> None:
    checkpoint, source, decoder = plain
    layer = decoder.layer
    assert [mixer.name for mixer in layer.mixers] == ["odd.0", "odd.1"]
    assert [block.name for block in layer.feed_forwards] == ["feed_forward", "dense.0", "dense.1"]
    rules = weight_map_of(decoder, checkpoint, source)
    proof = prove(rules, checkpoint.tensors, (1, 2, 4))
    assert (proof.findings, proof.unrouted) == ((), ())
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    assert context["layer"]["statements"]["rows"] == [
        "residual = hidden_states",
        "hidden_states = self.mixer_norm_0(hidden_states)",
        "attn_output = self.odd_0(positions, hidden_states)",
        "residual = residual + attn_output",
        "normed = self.feed_forward_norm_0(residual)",
        "mlp_output = self.feed_forward(normed)",
        "dense_output = self.dense_0(normed)",
        "residual = residual + dense_output",
        "hidden_states = self.mixer_norm_1(residual)",
        "attn_output_2 = self.odd_1(positions, hidden_states)",
        "residual = residual + attn_output_2",
        "hidden_states = self.feed_forward_norm_1(residual)",
        "hidden_states = self.dense_1(hidden_states)",
        "return residual + mlp_output + hidden_states",
    ]
    (made,) = context["mixer"]["choices"]["rows"]
    for number in (0, 1):
        assert f'    prefix=f"{{prefix}}.odd_{number}",' in made["lines"]
        assert f'    attn_prefix=f"{{attn_prefixes[{number}]}}.odd_{number}",' in made["lines"]
    (text,) = context["mixer"]["classes"]["texts"]
    assert 'prefix=f"{attn_prefix}.attn",' in text
    assert context["mixer"]["layer_idx"]
    assert sum("self.dense_" in line for line in context["layer"]["beside"]["lines"]) == 2


def test_each_attention_has_a_cache(plain: Read) -> None:
    checkpoint, _, decoder = plain
    found = kv_cache(checkpoint.text_config, decoder=decoder)
    assert isinstance(found, KvCache)
    assert found.layers == (mixers.kind_of(decoder.layer.mixer).kept(decoder.layer.mixer),) * 4
    assert "2 layers have 4 attention blocks, each with its own cache" in found.assumptions
    (placement,) = [fact.value for fact in decoder_facts(decoder) if fact.name == "norm placement"]
    assert "attention2(norm3)" in placement
    assert placement.endswith("x + attention + feed_forward + beside + attention2 + beside2")


FLOWS = {
    "added before the second attention": (
        (
            (
                "hidden_states = hidden_states + self.dense[0](normed)",
                "hidden_states += self.dense[0](normed) + routed",
            ),
            (FLOW, "return hidden_states"),
        ),
        ("mixer_norm.1", ("x", "odd.0", "feed_forward", "dense.0")),
    ),
    "experts are given the sum itself": (
        (("routed = self.feed_forward(normed)", "routed = self.feed_forward(hidden_states)"),),
        ("feed_forward", ("x", "odd.0")),
    ),
}
"""Other flows between the same blocks: texts replaced, and a block with what it takes."""


@pytest.mark.parametrize("name", sampled(FLOWS, every=2))
def test_another_flow_is_solved_as_it_is(tmp_path: Path, name: str) -> None:
    replaced, (block, inputs) = FLOWS[name]
    _, _, decoder = read(write_odd(tmp_path, changed(*replaced), layers=1))
    (taken,) = [step.inputs for step in decoder.layer.steps if step.name == block]
    assert tuple(one for one, _ in taken) == inputs


def test_attentions_that_are_not_alike_are_a_hole(tmp_path: Path) -> None:
    odd = changed(
        ("[OddMixer(config, layer_idx) for _ in range(2)]", "[OddMixer(config, i) for i in range(2)]"),
        ("config.hidden_size, bias=False)\n        pass", "config.hidden_size, bias=layer_idx == 1)\n        pass"),
    )
    said = holes_of(write_odd(tmp_path, odd, layers=1))
    assert "attention blocks of one layer that are not alike: odd.0 and odd.1" in said


@costly
def test_one_attention_that_a_layer_runs_twice_is_a_hole(tmp_path: Path) -> None:
    odd = changed(("self.odd[1](self.mixer_norm", "self.odd[0](self.mixer_norm"))
    said = holes_of(write_odd(tmp_path, odd, layers=1))
    assert "attention blocks that a layer runs more than once: odd.0" in said


def test_a_gate_on_the_shortcut_is_a_hole(tmp_path: Path) -> None:
    said = holes_of(write_odd(tmp_path, changed((FLOW, "return hidden_states + torch.tanh(routed)")), layers=1))
    assert "what leaves the layer is not a sum of its values" in said


@costly
def test_identity_experts_beside_two_attentions(tmp_path: Path) -> None:
    name = "identity experts beside two attentions, and two dense blocks"
    _, _, decoder = read(write_odd(tmp_path, OF_EXPERTS[name], layers=1))
    assert len(decoder.layer.mixers) == 2
    assert isinstance(decoder.layer.mixer, AttentionSpec)


OF_KEYS = (
    ("self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.head_dim, bias=False)", "pass"),
    ("self.v_proj(hidden_states)", "self.k_proj(hidden_states)"),
)


def test_each_attention_has_a_loader_of_its_own(tmp_path: Path) -> None:
    """It names the tensors that it changes; a parameter that none fills is whatever memory held."""
    checkpoint, source, decoder = read(write_odd(tmp_path, changed(*OF_KEYS), layers=1))
    rules = weight_map_of(decoder, checkpoint, source)
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    loaders = {row["name"]: row["text"] for row in context["loaders"]["rows"]}
    assert list(loaders) == ["share_keys", "share_keys_of_odd_1"]
    for number, (name, text) in enumerate(loaders.items()):
        assert f"def {name}(" in text
        assert f'.odd.{number}.k_proj."' in text


def test_layers_with_other_numbers_of_attentions_have_no_idiom(plain: Read) -> None:
    checkpoint, source, decoder = plain
    first, second = decoder.layers
    layers = (first, replace(second, more_mixers=()))
    rules = weight_map_of(decoder, checkpoint, source)
    with pytest.raises(NotUnderstood, match="several attention blocks in layers of this kind"):
        adapter_context(
            checkpoint.architecture, "PretrainedConfig", replace(decoder, layers=layers), rules, checkpoint.tensors
        )
