"""Plain families read without source are what transformers' source says they are; all else is a hole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from scaffold.checkpoint.headers import Form, TensorHeader
from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from scaffold.reading.from_source import read_from_source
from scaffold.reading.model import read_model
from scaffold.source.locate import find
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.layers import MixerSpec
from scaffold.testing.mutations import MUTATIONS, Mutation
from tests.bench.coverage.rows import make_rows, rows
from tests.lab.checkpoints import checkpoint as lab_checkpoint
from tests.lab.engine import engine
from tests.sampled import sampled

DENSE = ("llama", "llama@tied", "mistral", "qwen2", "qwen3")
MIXED = ("mixtral", "qwen2_moe", "qwen3_moe")
WINDOWED, FULL = "sliding_attention", "full_attention"
WINDOWS: dict[str, Any] = {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}
ROPES: dict[str, dict[str, Any]] = {
    "linear": {"type": "linear", "factor": 2.0},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 64},
    "yarn": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
    "yarn with all": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "beta_fast": 20.0,
                      "beta_slow": 2.0, "attention_factor": 1.25},
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def made() -> None:
    make_rows([rows()[name] for name in (*DENSE, *MIXED, "helium")])


def read(row: str, **changed: Any) -> Checkpoint:
    """Return a row's checkpoint; ``changed`` goes into its config, or out of it with ``...``."""
    found = read_checkpoint(lab_checkpoint("mixtral") if row == "lab mixtral" else rows()[row].checkpoint)
    config = {key: value for key, value in {**found.config, **changed}.items() if value is not ...}
    return replace(
        found,
        config=config,
        text_config=config,
        architecture=config["architectures"][0],
        model_type=config["model_type"],
    )


def attentions(spec: DecoderSpec) -> list[MixerSpec]:
    return [layer.mixer for layer in spec.layers]


def from_source(found: Checkpoint) -> DecoderSpec:
    source = find(found.architecture, found.model_type, {}, found.path, engine().transformers)
    spec = read_from_source(found, source)
    assert spec.decoder is not None, spec.holes
    return spec.decoder


def plain(found: Checkpoint) -> DecoderSpec:
    spec = read_model(found, None)
    assert spec.decoder is not None, spec.holes
    assert spec.holes == ()
    return spec.decoder


def with_tensors(found: Checkpoint, headers: dict[str, TensorHeader]) -> Checkpoint:
    forms = {name: Form(0, one.dtype, one.shape, one.shard, has_bits=False) for name, one in headers.items()}
    return replace(found, weights=replace(found.weights, forms=forms))


@pytest.mark.parametrize("row", sampled(DENSE))
def test_the_spec_is_the_one_that_transformers_source_gives(row: str) -> None:
    assert plain(read(row)) == from_source(read(row))


@pytest.mark.parametrize("rope", sampled(ROPES.values(), every=2), ids=ROPES)
def test_rotations_of_each_kind(rope: dict[str, Any]) -> None:
    found = read("llama", rope_parameters=..., rope_scaling=rope, rope_theta=5e4)
    ours, theirs = plain(found), from_source(found)
    assert ours == theirs
    assert ours.config["rope_parameters"] == theirs.config["rope_parameters"]


@pytest.mark.parametrize(
    ("row", "changed"),
    sampled(
        [
            ("mistral", {"sliding_window": None}),
            ("mistral", {"sliding_window": 5}),
            ("qwen2", {**WINDOWS, "layer_types": ...}),
            ("qwen3", {**WINDOWS, "layer_types": [WINDOWED, FULL, FULL, WINDOWED]}),
            ("qwen2_moe", {"norm_topk_prob": True}),
            ("qwen3_moe", {"norm_topk_prob": False}),
        ],
        every=3,
    ),
)
def test_what_only_the_config_tells_is_told_apart(row: str, changed: dict[str, Any]) -> None:
    found = read(row, **changed)
    ours, theirs = plain(found), from_source(found)
    assert attentions(ours) == attentions(theirs)
    for our, their in zip(ours.layers, theirs.layers, strict=True):
        if row not in MIXED:
            assert our.feed_forward == their.feed_forward
        elif hasattr(our.feed_forward, "router"):
            assert our.feed_forward.router.renormalize == their.feed_forward.router.renormalize


def adapter(row: str, transformers: Path | None) -> str:
    request = Request(
        checkpoint=lab_checkpoint("mixtral") if row == "lab mixtral" else rows()[row].checkpoint,
        vllm=engine().pristine,
        delivery=None,
        placement="plugin",
        output=Path("plugin"),
        strategy="native",
        transformers=transformers,
    )
    text = make_plan(request).adapter
    assert text is not None
    return text


MIXTRAL_RENAMES = """        orig_to_new_substr={
            ".block_sparse_moe.": ".mlp.",
        },
"""
"""Without transformers' table of conversions the block keeps its name in the checkpoint, as in vLLM's own Mixtral."""


@pytest.mark.parametrize("row", sampled(["qwen3", "lab mixtral", "qwen2_moe"], every=3))
def test_the_adapter_is_the_same_to_the_byte(row: str) -> None:
    with_source, without = adapter(row, engine().transformers), adapter(row, None)
    if "mixtral" in row:
        assert MIXTRAL_RENAMES in with_source
        with_source = with_source.replace(MIXTRAL_RENAMES, "")
        without = without.replace("block_sparse_moe", "mlp")
    assert without == with_source


PUBLISHED: dict[str, dict[str, Any]] = {
    "mistral": {"rope_parameters": ..., "rope_theta": 10000.0, "torch_dtype": "bfloat16", "dtype": ...},
    "qwen2": {"rope_parameters": ..., "rope_theta": 1e6, "layer_types": ..., "use_mrope": False},
    "qwen3": {"rope_parameters": ..., "rope_theta": 1e6, "rope_scaling": None, "layer_types": ...},
    "qwen3_moe": {"rope_parameters": ..., "rope_theta": 1e6, "num_local_experts": ..., "num_experts": 8},
}  # fmt: skip
"""How configs were written before transformers 5."""


@pytest.mark.parametrize("row", sampled(PUBLISHED))
def test_configs_as_they_were_published(row: str) -> None:
    found = read(row, **PUBLISHED[row])
    ours, theirs = plain(found), from_source(found)
    assert ours.config["rope_parameters"] == theirs.config["rope_parameters"]
    assert attentions(ours) == attentions(theirs)


def test_a_size_that_is_not_stated_is_worked_out_and_the_tensors_must_agree() -> None:
    found = read("llama", num_key_value_heads=...)  # as many as there are heads, then
    (hole, *_) = read_model(found, None).holes
    assert "not the tensors of a plain Llama" in hole.what
    assert "the shape is [128, 128], the config asks for [256, 128]" in hole.what
    wide = ("k_proj.weight", "v_proj.weight")
    headers = {n: replace(h, shape=(256, 128)) if n.endswith(wide) else h for n, h in found.tensors.items()}
    spec = plain(with_tensors(found, headers))
    assert (spec.layer.mixer.num_kv_heads.value, spec.layer.mixer.num_kv_heads.key) == (
        4,
        "num_attention_heads",
    )


@pytest.mark.parametrize(
    ("row", "changed", "what"),
    sampled(
        [
            ("llama", {"residual_multiplier": 0.5}, "'residual_multiplier', of which a plain Llama knows nothing"),
            ("llama", {"rope_parameters": {"rope_type": "mystery", "rope_theta": 1e4}}, "type 'mystery'"),
            ("llama", {"model_type": "helium"}, "names and shapes alone do not tell"),
            ("llama", {"architectures": ["MirrorForCausalLM"]}, "names and shapes alone do not tell"),
            ("llama", {"attention_bias": True}, "the model needs these tensors"),
            ("llama@tied", {"attention_bias": False}, "no rule takes these tensors"),
            ("llama@tied", {"tie_word_embeddings": False}, "the model needs these tensors"),
            ("qwen2_moe", {"num_experts": 7}, "no rule takes these tensors"),
            ("qwen2_moe", {"mlp_only_layers": []}, "the model needs these tensors"),
            ("qwen3", {"quantization_config": {"quant_method": "awq"}}, "the method 'awq'"),
            ("helium", {}, "but for Llama, Mistral, Qwen2, Qwen3, Mixtral, Qwen2-MoE, Qwen3-MoE"),
        ],
        every=3,
    ),
)
def test_what_is_not_plain_is_a_hole(row: str, changed: dict[str, Any], what: str) -> None:
    spec = read_model(read(row, **changed), None)
    assert spec.decoder is None
    assert any(what in hole.what for hole in spec.holes), spec.holes


ELSEWHERE = ("drop a scale", "drop the weight of a scale", "a tensor in two shards")
"""Mutations of quantised checkpoints, and one with which a checkpoint is not read at all."""


@pytest.mark.parametrize("mutation", [m for m in MUTATIONS if m.name not in ELSEWHERE], ids=lambda m: m.name)
def test_tensors_that_are_not_exactly_the_familys_are_a_hole(mutation: Mutation) -> None:
    found = read("qwen3_moe")
    headers = mutation.apply(weight_map_of(plain(found), found, None), dict(found.tensors), Random(0))
    assert headers is not None
    spec = read_model(with_tensors(found, {header.name: header for header in headers}), None)
    assert spec.decoder is None
    assert all("not the tensors of a plain" in hole.what for hole in spec.holes)


def test_facts_say_that_they_come_from_names_shapes_and_config() -> None:
    spec = read_model(read("qwen2_moe"), None)
    assert (spec.source_class, spec.config_class) == (None, "Qwen2MoeConfig")
    kinds = {evidence.kind for fact in spec.facts for evidence in fact.evidence}
    assert kinds == {"config", "tensor"}
    assert all(fact.evidence and all(e.where for e in fact.evidence) for fact in spec.facts)
    by_name = {fact.name: fact for fact in spec.facts}
    assert by_name["modeling source"].value == "none: read from names and shapes, as a plain Qwen2-MoE"
    assert by_name["norm"].evidence[0].where == "model.norm.weight"
    assert by_name["router, layers 1-3"].evidence[0].where == "model.layers.*.mlp.*"
    assert "modeling_plain" not in json.dumps([[e.where for e in fact.evidence] for fact in spec.facts])


def test_source_comes_first_where_there_is_any(nova: Path) -> None:
    found = read_checkpoint(nova)
    source = find(found.architecture, found.model_type, dict(found.auto_map), nova, None)
    assert read_model(found, source) == read_from_source(found, source)
