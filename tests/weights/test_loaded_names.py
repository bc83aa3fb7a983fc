"""Tensors that are not loaded under their own names alone: keys that are values, too, and experts in rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scaffold.weights import Heads, Rule, Scope, WeightMap
from scaffold.weights.apply import export, load
from scaffold.weights.emit import loading
from scaffold.weights.written import test_file as written
from tests.weights.test_written import run

HIDDEN, INNER, EXPERTS = 8, 6, 4
LAYER = Scope("model.layers.{layer}.", ranges={"layer": range(2)})
SHARED = tuple(
    LAYER.qkv([f"attn.{n}_proj.weight" for n in "qkk"], "attn.qkv_proj.weight", Heads(4, 2, 4), HIDDEN),
)
ROWS = tuple(
    LAYER.expert_rows(
        [f"mlp.all.{name}" for name in ("w1", "v1", "w2")],
        [f"mlp.experts.{{expert}}.{name}.weight" for name in ("gate_proj", "up_proj", "down_proj")],
        [f"mlp.experts.routed_experts.{name}_weight" for name in ("w13", "w2")],
        EXPERTS,
        INNER,
        HIDDEN,
    )
)


def tensors(rules: tuple[Rule, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=rule.shape or ()) for rule in rules for name in rule.names()}


def test_the_projection_of_keys_fills_the_values_too() -> None:
    given = tensors(SHARED)
    (held, _) = load(WeightMap(SHARED), given).values()
    q, k = (given[f"model.layers.0.attn.{name}_proj.weight"] for name in "qk")
    np.testing.assert_array_equal(held, np.concatenate([q, k, k]))


def test_rows_of_all_experts_become_a_matrix_for_each() -> None:
    given = tensors(ROWS)
    held = load(WeightMap(ROWS), given)
    w1, v1, w2 = (
        given[f"model.layers.1.mlp.all.{name}"].reshape(EXPERTS, INNER, HIDDEN) for name in ("w1", "v1", "w2")
    )
    up = held["model.layers.1.mlp.experts.routed_experts.w13_weight"]
    np.testing.assert_array_equal(up, np.concatenate([w1, v1], axis=1))
    np.testing.assert_array_equal(held["model.layers.1.mlp.experts.routed_experts.w2_weight"], np.swapaxes(w2, 1, 2))


@pytest.mark.parametrize("rules", [SHARED, ROWS], ids=["keys and values", "rows"])
def test_the_ranks_give_the_checkpoint_back(rules: tuple[Rule, ...]) -> None:
    given = tensors(rules)
    found = export(WeightMap(rules), [load(WeightMap(rules), given, tp=2, rank=rank) for rank in range(2)])
    assert found.keys() == given.keys()
    for name, array in given.items():
        np.testing.assert_array_equal(found[name], array)


def test_the_loader_meets_values_under_a_name_of_their_own() -> None:
    tables = loading(SHARED, [name for rule in SHARED for name in rule.names()], ("model.", "model."))
    assert tables.map_name("model.layers.1.attn.k_proj.weight") == ("model.layers.1.attn.qkv_proj.weight", "k")
    assert tables.map_name("model.layers.1.attn.v_proj.weight") == ("model.layers.1.attn.qkv_proj.weight", "v")
    assert tables.packed_modules == {"qkv_proj": ["q_proj", "k_proj", "v_proj"]}


def test_the_loader_meets_experts_one_by_one_under_the_usual_names() -> None:
    tables = loading(ROWS, [name for rule in ROWS for name in rule.names()], ("model.", "model."))
    assert (tables.expert_names, tables.stacked, tables.renames) == (None, (), ())


@pytest.mark.parametrize("rules", [SHARED, ROWS], ids=["keys and values", "rows"])
def test_the_rules_come_back_when_they_are_written_out(rules: tuple[Rule, ...], tmp_path: Path) -> None:
    assert run(written(WeightMap(rules), "Some"), tmp_path / "rules.py") == WeightMap(rules)
