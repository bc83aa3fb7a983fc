"""Layouts of tensors that remote code has: keys and values in one layer, a head with rows of length one."""

from __future__ import annotations

import numpy as np
import pytest

from scaffold.testing import properties, strategies
from scaffold.weights import Heads, Scope, WeightMap
from scaffold.weights.emit import loading
from scaffold.weights.transforms import Apart, UnitRows
from tests.rows import each

HEADS = Heads(4, 2, 3)
HIDDEN = 5
LAYERS = {"layer": range(2)}


def pairs(groups: int, order: tuple[int, ...]) -> WeightMap:
    layer = Scope("model.layers.{layer}.", ranges=LAYERS)
    names = [f"attn.{name}.weight" for name in ("q", "kv", "kv")]
    return WeightMap(tuple(layer.qkv(names, "attn.qkv_proj.weight", HEADS, HIDDEN, pairs=groups, kv_order=order)))


@each(("groups", "order"), [(1, (0, 1)), (2, (0, 1)), (1, (1, 0)), (2, (1, 0))])
@each("ranks", [1, 2, 4])
def test_keys_and_values_of_one_layer_fill_two_shards(groups: int, order: tuple[int, ...], ranks: int) -> None:
    weight_map = pairs(groups, order)
    properties.proof_holds(weight_map, strategies.headers_of(weight_map), (1, ranks))
    properties.shards_reassemble(weight_map, ranks)
    properties.loading_can_be_undone(weight_map, strategies.arrays_of(weight_map, 3), ranks)


@pytest.mark.parametrize(("groups", "order"), [(1, (0, 1)), (2, (0, 1)), (2, (1, 0))])
def test_what_is_sorted_is_each_head_of_keys_and_then_of_values(groups: int, order: tuple[int, ...]) -> None:
    rule = pairs(groups, order).rules[1]
    rows = np.array([[part, head] for part in (0, 1) for head in (0, 1) for _ in range(3)])  # k and v, head by head
    on_disk = rows.reshape(2, groups, -1, 2)[list(order)].swapaxes(0, 1).reshape(12, 2)
    for step in rule.transforms:
        on_disk = step.apply(on_disk)
    first, second = on_disk[:6], on_disk[6:]
    shards = dict(zip((part.shard for part in rule.parts), (first, second)))
    assert (shards["k"][:, 0] == 0).all()
    assert (shards["v"][:, 0] == 1).all()
    assert shards["k"][:, 1].tolist() == [0, 0, 0, 1, 1, 1]


def test_both_are_loaded_under_names_of_their_own() -> None:
    weight_map = pairs(2, (1, 0))
    names = [name for rule in weight_map.rules for name in rule.names()]
    found = loading(weight_map.rules, names, ("model.", "model."))
    rows = {(row.weight_name, row.shard_id) for row in found.stacked}
    assert {(name.rpartition(".")[2], shard) for name, shard in rows} == {("q", "q"), ("k_proj", "k"), ("v_proj", "v")}
    assert any(isinstance(step, Apart) for rule in weight_map.rules for step in rule.transforms)


def test_rows_of_length_one() -> None:
    head = Scope().vocabulary("lm_head.weight", 4, 3, transforms=(UnitRows(),))
    weight_map = WeightMap((head,))
    properties.loading_can_be_undone(weight_map, strategies.arrays_of(weight_map, 1), 2)
    made = UnitRows().apply(np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]], np.float32))
    np.testing.assert_allclose(made, [[0.6, 0.8, 0.0], [0.0, 0.0, 0.0]], rtol=1e-6)
    assert loading((head,), ["lm_head.weight"], ("", "")).unit_rows == ("lm_head.weight",)
