"""The loading tables of adapters, under vLLM's own code that reads them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given
from hypothesis import strategies as st

from scaffold.mapping.derive import runs
from scaffold.source.python.errors import NotUnderstood
from scaffold.weights import Heads, Rule, Scope, WeightMap
from scaffold.weights.emit import Loading, loading
from tests.drawn import examples
from tests.rows import each

MapName = Callable[[str], "tuple[str, Any] | None"]


@pytest.fixture(scope="session")
def vllm_mapper(vllm_source: Path) -> Callable[[Loading], MapName]:
    """Return what makes vLLM's own ``WeightsMapper`` of an adapter's tables: its class alone, as its file has it."""
    tree = ast.parse((vllm_source / "vllm/model_executor/models/utils.py").read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "WeightsMapper"]
    space: dict[str, Any] = {"dataclass": dataclass, "field": field, "re": re, "Mapping": Mapping, "Iterable": Iterable}
    exec(compile(tree, "utils.py", "exec", annotations.compiler_flag), space)

    def make(tables: Loading) -> MapName:
        mapper = space["WeightsMapper"](
            orig_to_new_prefix=dict(tables.prefixes),
            orig_to_new_substr=dict(tables.renames),
            orig_to_new_stacked={row.weight_name: (row.param_name, row.shard_id) for row in tables.stacked},
        )
        return mapper._map_name_with_shard  # type: ignore[no-any-return]

    return make


HIDDEN, VOCAB, INNER = 8, 16, 12
LAYERS = {"layer": range(12)}


def model(base: str, layers: str, attention: str, names: list[str], feed: str, gate_up: list[str],
          norms: list[tuple[str, str]]) -> tuple[list[Rule], tuple[str, str]]:  # fmt: skip
    """Return the rules of a model with these names on disk, and the beginning of names on disk and in the adapter."""
    ours = base if base.removesuffix(".").isidentifier() else "model."
    attn, mlp = attention.rpartition(".")[2], feed.rpartition(".")[2]
    top = Scope(base, ours)
    layer = Scope(f"{base}{layers}.{{layer}}.", f"{ours}{layers}.{{layer}}.", ranges=LAYERS)
    q, k, v, o = (f"{attention}.{name}" for name in names)
    rules = [
        top.vocabulary("embed.weight", VOCAB, HIDDEN),
        Scope().vocabulary("lm_head.weight", VOCAB, HIDDEN),
        *layer.qkv([f"{part}.weight" for part in (q, k, v)], f"{attn}.qkv_proj.weight", Heads(4, 2, 2), HIDDEN),
        layer.row(f"{o}.weight", HIDDEN, 8, target=f"{attn}.{names[3]}.weight"),
        *layer.gate_up([f"{feed}.{n}.weight" for n in gate_up[:2]], f"{mlp}.gate_up_proj.weight", INNER, HIDDEN),
        layer.row(f"{feed}.{gate_up[2]}.weight", HIDDEN, INNER, target=f"{mlp}.{gate_up[2]}.weight"),
        *(layer.whole(f"{source}.weight", HIDDEN, target=f"{target}.weight") for source, target in norms),
    ]
    return rules, (base, ours)


def assert_leads_to_targets(rules: list[Rule], prefix: tuple[str, str], mapper: Callable[[Loading], MapName]) -> None:
    tables = loading(rules, [name for rule in rules for name in rule.names()], prefix)
    map_name = mapper(tables)
    for rule in rules:
        for values in rule.instances():
            name = rule.source.format_map(values)
            shards = {part.shard for part in rule.parts} - {"w1", "w2", "w3"}
            expected = (rule.target.format_map(values), shards.pop() if len(shards) == 1 else None)
            assert map_name(name) == expected
            assert tables.map_name(name) == expected


def test_a_rename_reaches_no_other_block_of_the_layer(vllm_mapper: Callable[[Loading], MapName]) -> None:
    """Experts and an MLP beside them keep tensors of the same name; the MLP becomes a part of the experts' block."""
    layer = Scope("model.layers.{layer}.", "model.layers.{layer}.", ranges=LAYERS)
    rules = [
        layer.whole("moe.router.layer.weight", 4, HIDDEN, target="moe.router.weight"),
        layer.whole("moe.input_linear.weight", INNER, HIDDEN, target="moe.experts.gate_up.weight"),
        layer.whole("shared.input_linear.weight", INNER, HIDDEN, target="moe.shared.input_linear.weight"),
    ]
    assert_leads_to_targets(rules, ("model.", "model."), vllm_mapper)


WORDS = [
    "q",
    "k",
    "v",
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "qkv",
    "proj",
    "out",
    "w1",
    "w2",
    "w3",
    "gate",
    "up",
    "down",
]
words = st.lists(st.sampled_from(WORDS), min_size=4, max_size=4, unique=True)
paths = st.sampled_from(["attn", "self_attn", "block.attn", "attn.self", "mlp", "ffn", "block.mlp", "mlp.inner", "q"])


@examples(100, HealthCheck.function_scoped_fixture)
@given(
    base=st.sampled_from(["model.", "transformer.", "backbone.decoder.", ""]),
    layers=st.sampled_from(["layers", "h", "q_layers"]),
    attention=paths,
    names=words,
    feed=paths,
    gate_up=words,
    norms=st.lists(
        st.sampled_from([("norm", "norm"), ("ln_1", "ln_1"), ("attn_norm", "attn_norm"), ("block.norm", "norm")]),
        max_size=2,
        unique_by=lambda norm: norm[1],
    ),
)
def test_each_name_leads_to_its_target_or_there_are_no_tables(
    vllm_mapper: Callable[[Loading], MapName], base: str, layers: str, attention: str, names: list[str],
    feed: str, gate_up: list[str], norms: list[tuple[str, str]],
) -> None:  # fmt: skip
    rules, prefix = model(base, layers, attention, names, feed, gate_up, norms)
    if attention.rpartition(".")[2] == feed.rpartition(".")[2] or attention == feed:
        return  # no adapter has two blocks of one name
    try:
        assert_leads_to_targets(rules, prefix, vllm_mapper)
    except NotUnderstood:
        event("no tables")


@pytest.mark.parametrize(
    "names",
    [
        {"attention": "self_attn", "names": ["q_proj", "k_proj", "v_proj", "o_proj"], "feed": "mlp",
         "gate_up": ["gate_proj", "up_proj", "down_proj"]},
        {"attention": "attn", "names": ["q", "k", "v", "o"], "feed": "mlp", "gate_up": ["w1", "w3", "w2"]},
        {"attention": "attn", "names": ["q_proj", "k_proj", "v_proj", "out"], "feed": "ffn",
         "gate_up": ["proj", "up", "down"]},
        {"attention": "block.attn", "names": ["wq", "wk", "wv", "wo"], "feed": "block.mlp",
         "gate_up": ["gate", "up", "down"]},
        {"attention": "attn", "names": ["q", "k", "v", "o"], "feed": "mlp", "gate_up": ["q", "k", "v"]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("base", ["model.", "transformer.", "backbone.decoder."])
def test_names_that_models_have_get_tables(
    vllm_mapper: Callable[[Loading], MapName], base: str, names: dict[str, Any]
) -> None:
    rules, prefix = model(base, "layers", norms=[("norm_1", "norm_1"), ("norm_2", "norm_2")], **names)
    assert_leads_to_targets(rules, prefix, vllm_mapper)


def test_a_head_that_no_prefix_tells_from_the_decoder_stays_where_each_module_has_a_row(
    vllm_mapper: Callable[[Loading], MapName],
) -> None:
    rules, prefix = model("", "layers", "attn", ["q", "k", "v", "o"], "mlp", ["w1", "w3", "w2"], [])
    tables = loading(rules, [name for rule in rules for name in rule.names()], prefix)
    assert ("", "model.") not in tables.prefixes
    assert ("layers.", "model.layers.") in tables.prefixes
    assert_leads_to_targets(rules, prefix, vllm_mapper)


def test_a_table_of_a_checkpoint_that_vllm_computes_itself_is_left_out(
    vllm_mapper: Callable[[Loading], MapName],
) -> None:
    layer = Scope("model.layers.{layer}.", ranges=LAYERS)
    rules = (
        layer.whole("attn.norm.weight", HIDDEN),
        layer.ignored("attn.rotary_emb.inv_freq", "a table that vLLM computes itself", is_computed=True),
    )
    names = ["model.layers.0.attn.norm.weight", "model.layers.0.attn.rotary_emb.inv_freq"]
    map_name = vllm_mapper(loading(rules, names, ("model.", "model.")))
    assert map_name(names[0]) == (names[0], None)
    assert map_name(names[1]) is None


def test_shards_of_one_module_in_the_order_of_the_parameter() -> None:
    rules, prefix = model(
        "model.", "layers", "self_attn", ["q_proj", "k_proj", "v_proj", "o_proj"], "mlp", ["w1", "w3", "w2"], []
    )
    tables = loading(rules, [n for rule in WeightMap(tuple(rules)).rules for n in rule.names()], prefix)
    assert tables.packed_modules == {"qkv_proj": ["q_proj", "k_proj", "v_proj"], "gate_up_proj": ["w1", "w3"]}


@given(st.sets(st.integers(0, 60), max_size=20))
def test_runs_are_the_numbers_again_in_order(numbers: set[int]) -> None:
    ordered = sorted(numbers)
    found = runs(ordered)
    assert [number for run in found for number in run] == ordered
    assert all(run.step > 0 for run in found)


@each(
    ("numbers", "expected"),
    [
        ([], []),
        ([3], [range(3, 4)]),
        ([0, 1, 2, 3], [range(4)]),
        ([1, 3, 5], [range(1, 6, 2)]),
        ([0, 1, 2, 4, 6, 8], [range(3), range(4, 9, 2)]),
    ],
)
def test_runs_of_one_step_each(numbers: list[int], expected: list[range]) -> None:
    assert runs(numbers) == expected
