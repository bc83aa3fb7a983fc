"""What a made-up model is, read from its source: block by block, and what happens when a block is odd."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.expressions.tree import HEAD_DIM, key
from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.mixers.grouped_query.spec import AttentionSpec, ProjectionSpec
from scaffold.probing.made import _same_as_flat
from scaffold.reading.from_source import TWO_MEANINGS, read_from_source
from scaffold.reading.of_checkpoint import _with_head
from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.transformers import auto_mapping
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.values import Value
from tests.models.specs import decoder_of, edit, spec_of
from tests.sampled import sampled


def test_reads_every_block(nova: Path) -> None:
    spec = decoder_of(nova)
    attention, mlp = spec.layer.mixer, spec.layer.feed_forward
    assert isinstance(attention, AttentionSpec)
    assert (attention.num_heads.value, attention.num_kv_heads.value, attention.head_dim.value) == (4, 2, 8)
    assert (attention.num_heads.key, attention.head_dim.key) == ("num_attention_heads", "head_dim")
    assert attention.rope is not None
    assert (attention.rope.style, attention.rope.rotary_dim, attention.rope.fraction) == ("interleaved", 8, None)
    assert attention.rope.parameters == key("rope_parameters")
    assert attention.scale == Value(8**-0.5, None, HEAD_DIM**-0.5)
    assert attention.projection == ProjectionSpec(("q_proj", "k_proj", "v_proj"))
    assert (attention.qkv_bias.value, attention.qkv_bias.key) == (True, "qkv_bias")
    assert (attention.o_bias.value, attention.o_bias.key) == (False, None)
    assert spec.norm is not None
    assert (spec.norm.form, spec.norm.eps.key) == ("rms", "rms_norm_eps")
    assert isinstance(mlp, MlpSpec)
    assert (mlp.gate_name, mlp.up_name, mlp.down_name) == ("gate_proj", "up_proj", "down_proj")
    assert [(step.name, [name for name, _ in step.inputs]) for step in spec.layer.steps] == [
        ("norm_in", ["x"]),
        ("attention", ["norm_in"]),
        ("norm_out", ["x", "attention"]),
        ("ffn", ["norm_out"]),
    ]
    assert [name for name, _ in spec.layer.output] == ["x", "attention", "ffn"]
    assert {factor.code for step in spec.layer.steps for _, factor in step.inputs} == {"1.0"}
    assert (spec.num_layers.value, spec.hidden_size.value, spec.vocab_size.value) == (3, 48, 96)


ROTATE_HALVES = "x1, x2 = x.chunk(2, -1)\n    return torch.cat((x1 * cos - x2 * sin, x2 * cos + x1 * sin), -1)"


@pytest.mark.parametrize(
    ("before", "after", "style"),
    [
        ("even, odd = x[..., ::2], x[..., 1::2]\n    return torch.stack((even * cos - odd * sin, "
         "odd * cos + even * sin), dim=-1).flatten(-2)", ROTATE_HALVES, "neox"),
    ],
)  # fmt: skip
def test_rotations_are_told_apart_by_what_they_compute(nova: Path, before: str, after: str, style: str) -> None:
    edit(nova, before, after)
    rope = decoder_of(nova).layer.mixer.rope
    assert rope is not None
    assert rope.style == style


@pytest.mark.parametrize(
    ("after", "form"),
    [
        ("return x * scale * self.weight", "rms"),
        ("return (self.weight + 1) * (scale * x)", "rms_one_plus_weight"),
        ("return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)", "rms"),
        ("return F.layer_norm(x, (x.shape[-1],), self.weight, None, self.eps)", "layer_no_bias"),
    ],
)
def test_norms_are_told_apart_by_what_they_compute(nova: Path, after: str, form: str) -> None:
    edit(nova, "return x * scale * self.weight", after)
    assert decoder_of(nova).norm.form == form


@pytest.mark.parametrize(
    ("before", "after"),
    sampled(
        [
            ("up * self.act(gate)", "up * self.act(gate).tanh()"),
            ("odd * cos + even * sin", "odd * cos - even * sin"),
            ("query, key = turn(query, cos, sin), turn(key, cos, sin)", "query = turn(query, cos, sin)"),
        ],
        every=2,
    ),
)
def test_what_is_token_wise_and_of_no_known_form_is_carried_over(nova: Path, before: str, after: str) -> None:
    edit(nova, before, after)
    layer = decoder_of(nova).layer
    assert isinstance(layer.mixer, AttentionSpec)
    assert isinstance(layer.feed_forward, MlpSpec)
    assert (layer.mixer.carried is None) is ("act" in before)
    assert (layer.feed_forward.carried is None) is ("act" not in before)


@pytest.mark.parametrize(
    ("before", "after", "what"),
    sampled([
        ("return x * scale * self.weight", "return x * scale * self.weight.abs().sqrt()", "normalisation"),
        ("up * self.act(gate)", "up * self.act(gate).softmax(-1)", "feed-forward"),
        ("scores = scores + attention_mask", "scores = scores.tanh() + attention_mask", "attention scores"),
        ("scaling=self.head_dim**-0.5", "scaling=self.head_dim**-0.4", "softmax scale"),
        ("self.embed_tokens(input_ids)", "self.embed_tokens(input_ids).abs()", "embedding"),
        ("odd * cos + even * sin", "odd * cos + even.cumsum(1) * sin", "what happens to q"),
        ("self.lm_head(outputs.last_hidden_state)", "self.lm_head(outputs.last_hidden_state).tanh()", "logits"),
        ("return hidden_states + self.ffn", "return hidden_states * 1.01 + hidden_states.sin() + self.ffn",
         "what leaves the layer is not a sum"),
        ("hidden_states = self.embed_tokens(input_ids)", "hidden_states = open('x')", "the name 'open'"),
    ], every=3),
)  # fmt: skip
def test_what_is_of_no_known_form_is_a_hole_with_its_lines(nova: Path, before: str, after: str, what: str) -> None:
    edit(nova, before, after)
    spec = spec_of(nova)
    assert spec.decoder is None
    (hole,) = spec.holes
    assert what in hole.what
    assert "modeling_nova.py" in hole.evidence


@pytest.mark.parametrize(
    ("before", "after", "read"),
    [
        ("scaling=self.head_dim**-0.5", "scaling=0.3", lambda spec: spec.layer.mixer.scale),
        ("self.embed_tokens(input_ids)", "self.embed_tokens(input_ids) * 0.3", lambda spec: spec.embedding.scale),
        ("return hidden_states + self.ffn", "return hidden_states + 0.3 * self.ffn",
         lambda spec: dict(spec.layer.output)["ffn"]),
        ("logits=self.lm_head", "logits=0.3 * self.lm_head", lambda spec: spec.logits_scale),
    ],
)  # fmt: skip
def test_a_number_that_the_source_states_is_a_literal(
    nova: Path, before: str, after: str, read: Callable[[DecoderSpec], Value]
) -> None:
    edit(nova, before, after)
    assert read(decoder_of(nova)) == Value(0.3)


def test_a_literal_that_a_probe_has_as_a_size_is_a_hole(nova: Path) -> None:
    edit(nova, "self.embed_tokens(input_ids)", "self.embed_tokens(input_ids) * 12.0")
    (hole,) = spec_of(nova).holes
    assert hole.what == TWO_MEANINGS
    assert hole.evidence == "embedding.scale: config.num_attention_heads or 12.0"


def test_without_source_there_is_a_hole_and_no_guess(nova: Path) -> None:
    read = read_checkpoint(nova)
    spec = read_from_source(read, None)
    assert spec.decoder is None
    assert "no modeling source" in spec.holes[0].what


def test_every_fact_names_its_evidence(nova: Path) -> None:
    facts = spec_of(nova).facts
    assert {"attention", "rope", "norm", "MLP"} <= {fact.name for fact in facts}
    assert all(fact.evidence and all(e.where for e in fact.evidence) for fact in facts)


def test_a_block_that_mixes_tokens_otherwise_than_by_attention_is_named(nova: Path) -> None:
    edit(nova, "return self.down_proj(up * self.act(gate))", "return self.down_proj((up * self.act(gate)).cumsum(1))")
    (hole,) = spec_of(nova).holes
    assert hole.what == "a block that mixes tokens, and not by softmax attention: ffn (NovaGatedBlock)"
    edit(nova, ".cumsum(1))", ".cumsum(2))")  # each token by itself
    (hole,) = spec_of(nova).holes
    assert hole.what.startswith("a feed-forward block that is neither")


def test_a_layer_of_pytorch_that_text_does_not_reach_need_not_be_known(nova: Path) -> None:
    edit(nova, "self.norm = NovaNorm(", "self.pool = nn.AvgPool2d(kernel_size=2)\n        self.norm = NovaNorm(")
    assert spec_of(nova).decoder is not None
    edit(nova, "last_hidden_state=self.norm(", "last_hidden_state=self.pool(")
    (hole,) = spec_of(nova).holes
    assert hole.what == "the PyTorch layer 'AvgPool2d'"


def test_a_text_config_that_a_class_makes_of_its_defaults_is_a_hole() -> None:
    flat = {"hidden_size": 64, "rms_norm_eps": 1e-5, "mm_tower": "tower"}
    _same_as_flat(flat, {"hidden_size": 64, "rms_norm_eps": 1e-5, "num_attention_heads": 32})
    with pytest.raises(NotUnderstood, match="rms_norm_eps 1e-05 beside other keys, and 1e-06 in the text config"):
        _same_as_flat(flat, {"hidden_size": 64, "rms_norm_eps": 1e-6})


def test_a_model_without_a_head_is_read_with_one_where_the_files_have_it(nova: Path) -> None:
    auto_map = {"AutoModelForCausalLM": "modeling_nova.NovaModel"}
    library = nova / "transformers"
    (library / "models/auto").mkdir(parents=True)
    (library / "models/auto/modeling_auto.py").write_text(
        'MODEL_MAPPING_NAMES = OrderedDict([("nova", "NovaModel")])\n'
        'MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([("nova", "NovaForCausalLM")])\n'
    )
    read = read_checkpoint(nova)
    source = find("NovaModel", "nova", auto_map, nova, None)
    assert source is not None
    of_library = replace(source, library=library)
    headed = _with_head(of_library, read)
    assert headed is not None
    assert headed.class_name == "NovaForCausalLM"
    assert _with_head(source, read) is None
    assert _with_head(replace(of_library, class_name="NovaForCausalLM"), read) is None
    table = library / "models/auto/modeling_auto.py"  # of Llama 4's kind: it has a head, and is in both tables
    table.write_text(table.read_text().replace('"NovaModel"', '"NovaForConditionalGeneration"'))
    auto_mapping._tables.cache_clear()
    assert _with_head(replace(of_library, class_name="NovaForConditionalGeneration"), read) is None


def test_layers_that_text_does_not_go_through_are_named(nova: Path) -> None:
    edit(nova, "for layer in self.layers:", "for layer in [self.layers[0], self.layers[2]]:")
    (hole,) = spec_of(nova).holes
    assert hole.what == "layers that text alone does not go through: 1 (NovaLayer)"
    assert hole.evidence.startswith("modeling_nova.py:")


def test_a_theta_in_an_object_that_the_source_leaves_unused_is_a_hole(nova: Path) -> None:
    path = nova / "config.json"
    unused = "a rotation by theta 5000, while the config's attn_config.rope_theta of 500000 is not used"
    for theta, holes in ((5000.0, []), (500000.0, [unused])):
        path.write_text(json.dumps({**json.loads(path.read_text()), "attn_config": {"rope_theta": theta}}))
        assert [hole.what for hole in spec_of(nova).holes] == holes
