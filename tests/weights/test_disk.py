"""How checkpoints keep experts: one by one, stacked, transposed, under other names; the numbers end in one place."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scaffold.feed_forwards.experts.rules import weight_rules
from scaffold.feed_forwards.experts.spec import ExpertsSpec, RouterSpec
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.transformers.conversions import Conversion, conversions, on_disk
from scaffold.spec.values import Value
from scaffold.weights import Rule, Scope
from scaffold.weights.disk import Disk

COUNT, SIZE, HIDDEN = 4, 6, 10
TARGETS = ("moe.experts.routed_experts.w13_weight", "moe.experts.routed_experts.w2_weight")
SCOPE = Scope("model.layers.{layer}.", ranges={"layer": range(3)})
ONE = Value(1.0)
ROUTER = RouterSpec("gate", "weight", "softmax", None, None, None, Value(2, "top_k"), Value(True), ONE)


def experts(**changed: Any) -> ExpertsSpec:
    usual = {
        "name": "mlp", "experts_name": "experts", "up_name": "gate_up_proj", "down_name": "down_proj",
        "transposed": False, "num_experts": Value(COUNT), "intermediate_size": Value(SIZE),
        "activation": Value("silu"), "router": ROUTER, "shared": None,
    }  # fmt: skip
    return ExpertsSpec(**{**usual, **changed})  # type: ignore[arg-type]


def rules_of(disk: Disk, spec: ExpertsSpec) -> list[Rule]:
    return list(weight_rules(SCOPE, spec, disk, TARGETS, COUNT, SIZE, HIDDEN))


def words(rules: list[Rule]) -> list[tuple[str, Any, str]]:
    """Return what rules say: source, shards, transforms."""
    prefix = "model.layers.{layer}."
    return [
        (rule.source.removeprefix(prefix), [part.shard for part in rule.parts], rule.transform_text()) for rule in rules
    ]


STACKED = [("mlp.experts.gate_up_proj", ["w1", "w3"], ""), ("mlp.experts.down_proj", ["w2"], "")]
TRANSPOSED = [(name, shards, "transpose") for name, shards, _ in STACKED]


def test_stacked_experts_are_taken_as_they_lie() -> None:
    assert words(rules_of(Disk(), experts())) == STACKED


def test_experts_that_the_source_holds_transposed_are_transposed() -> None:
    rules = rules_of(Disk(), experts(transposed=True))
    assert words(rules) == TRANSPOSED
    assert [rule.shape for rule in rules] == [(COUNT, HIDDEN, 2 * SIZE), (COUNT, SIZE, HIDDEN)]


def test_experts_of_a_list_are_taken_one_by_one() -> None:
    spec = experts(gate_name="{expert}.w1.weight", up_name="{expert}.w3.weight", down_name="{expert}.w2.weight")
    rules = rules_of(Disk(), spec)
    assert words(rules) == [
        ("mlp.experts.{expert}.w1.weight", ["w1"], ""),
        ("mlp.experts.{expert}.w3.weight", ["w3"], ""),
        ("mlp.experts.{expert}.w2.weight", ["w2"], ""),
    ]
    assert all(rule.ranges["expert"] == range(COUNT) for rule in rules)


def test_what_is_saved_of_each_identity_expert_is_left_out(transformers_source: Path) -> None:
    table = conversions("qwen3_moe", ("Qwen3MoeForCausalLM",), transformers_source)
    rules = rules_of(Disk(table), experts(identities=Value(2), longer=True))
    names = [f"mlp.experts.{{expert}}.{part}_proj.weight" for part in ("gate", "up", "down")]
    left_out: list[tuple[str, Any, str]] = [(name, [], "") for name in names[:2]]
    assert words(rules) == [(name, [shard], "") for name, shard in zip(names, ("w1", "w3", "w2"))] + left_out
    assert [rule.ranges["expert"] for rule in rules] == [range(COUNT)] * 3 + [range(COUNT, COUNT + 2)] * 2
    assert [rule.required for rule in rules] == [True] * 3 + [False] * 2


def transposing(name: str) -> Conversion:
    return Conversion((name,), (name,), (SimpleNamespace(kind="Transpose", dim0=1, dim1=2),))


@pytest.mark.parametrize("transposed", [False, True])
def test_a_library_that_transposes_when_it_saves_turns_the_rule_round(transposed: bool) -> None:
    table = (transposing("experts.gate_up_proj"), transposing("experts.down_proj"))
    assert words(rules_of(Disk(table), experts(transposed=transposed))) == (STACKED if transposed else TRANSPOSED)


def test_a_checkpoint_that_has_the_sources_own_names_is_taken_at_its_word() -> None:
    table = (transposing("experts.gate_up_proj"), transposing("experts.down_proj"))
    names = {f"model.layers.0.{name}": () for name, _, _ in STACKED}
    assert words(rules_of(Disk(table, names), experts())) == STACKED


TABLES = {
    ("mixtral", "MixtralForCausalLM"): [
        ("block_sparse_moe.experts.{expert}.w1.weight", ["w1"], ""),
        ("block_sparse_moe.experts.{expert}.w3.weight", ["w3"], ""),
        ("block_sparse_moe.experts.{expert}.w2.weight", ["w2"], ""),
    ],
    ("qwen3_moe", "Qwen3MoeForCausalLM"): [
        ("mlp.experts.{expert}.gate_proj.weight", ["w1"], ""),
        ("mlp.experts.{expert}.up_proj.weight", ["w3"], ""),
        ("mlp.experts.{expert}.down_proj.weight", ["w2"], ""),
    ],
}
"""Model type and class → how real checkpoints of it keep experts, which transformers' modules hold stacked."""


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model[0])
def test_what_transformers_saves_is_what_the_rules_take(transformers_source: Path, model: tuple[str, str]) -> None:
    table = conversions(model[0], (model[1],), transformers_source)
    rules = rules_of(Disk(table), experts())
    assert words(rules) == TABLES[model]
    gate_up = np.random.default_rng(0).normal(size=(COUNT, 2 * SIZE, HIDDEN))
    down = np.random.default_rng(1).normal(size=(COUNT, HIDDEN, SIZE))
    saved = {
        tensor.name: tensor.take(parameter)
        for name, parameter in (("gate_up_proj", gate_up), ("down_proj", down))
        for tensor in on_disk(f"model.layers.2.mlp.experts.{name}", parameter.shape, table)
    }
    places = {"w1": gate_up[:, :SIZE], "w3": gate_up[:, SIZE:], "w2": down}
    for rule in rules:
        for expert in range(COUNT):
            value = saved.pop(rule.source.format(layer=2, expert=expert))
            np.testing.assert_array_equal(value, places[str(rule.parts[0].shard)][expert])
    assert saved == {}


def test_experts_that_are_saved_in_a_way_without_a_rule_are_not_understood() -> None:
    three = (SimpleNamespace(kind="Concatenate", dim=1),)
    table = (Conversion(("experts.gate_up_proj",), ("experts.a", "experts.b", "experts.c"), three),)
    with pytest.raises(NotUnderstood, match="saved as 3 and 1 tensors"):
        rules_of(Disk(table), experts())


@pytest.mark.parametrize(("stored", "expected"), [((COUNT,), (COUNT,)), ((1, COUNT), (1, COUNT))])
def test_a_vector_may_lie_as_a_matrix_of_one_row(stored: tuple[int, ...], expected: tuple[int, ...]) -> None:
    disk = Disk((), {"model.layers.1.mlp.gate.bias": stored})
    assert disk.vector(SCOPE, "mlp.gate.bias", COUNT) == expected


LAYOUTS = {
    "as in the source": ("model.language_model.", "lm_head.weight"),
    "as on the hub": ("language_model.model.", "language_model.lm_head.weight"),
    "without a beginning": ("", "lm_head.weight"),
}


@pytest.mark.parametrize(("place", "head"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_decoder_is_found_where_its_files_have_it(place: str, head: str) -> None:
    names = [f"{place}embed_tokens.weight", f"{place}layers.0.mlp.up_proj.weight", head, "vision.layers.0.q.weight"]
    disk = Disk((), dict.fromkeys(names, (8, 4))).of_decoder("model.language_model.", "embed_tokens.weight", "layers")
    layer = Scope("model.language_model.layers.{layer}.", ranges={"layer": range(1)}, scale=("weight_scale", None))
    rule = disk.rewrite(layer.column("mlp.up_proj.weight", 8, 4))
    assert rule.source == f"{place}layers.{{layer}}.mlp.up_proj.weight"
    assert rule.scale is not None
    assert rule.scale.name == f"{place}layers.{{layer}}.mlp.up_proj.weight_scale"
    assert disk.rewrite(Scope().vocabulary("lm_head.weight", 8, 4)).source == head


def test_of_two_decoders_neither_is_taken_for_the_one_that_is_looked_for() -> None:
    names = [f"{p}.{tail}" for p in ("a", "b") for tail in ("embed_tokens.weight", "layers.0.q.weight")]
    disk = Disk((), dict.fromkeys(names, (8, 4))).of_decoder("model.", "embed_tokens.weight", "layers")
    assert disk.named("model.layers.0.q.weight") == "model.layers.0.q.weight"
