"""Which layers keep what: each way's example, and how ways add up."""

from __future__ import annotations

from typing import Any

import pytest

from scaffold.capacity.layer_kinds import (
    FULL,
    LINEAR,
    MIXERS,
    SHARED,
    SHARED_KV,
    SLIDING,
    WINDOWS,
    LayerKinds,
    Way,
    layer_kinds,
)
from tests.rows import each

WAYS = [pytest.param(way, id=f"{way.key}-{way.kinds}") for way in (*MIXERS, *WINDOWS, *SHARED)]


def kinds(config: dict[str, Any], num_layers: int | None) -> LayerKinds:
    found = layer_kinds(config, num_layers)
    assert isinstance(found, LayerKinds), found
    return found


@each("way", WAYS)
def test_each_way_tells_what_its_example_says(way: Way) -> None:
    found = kinds(dict(way.example), len(way.kinds))
    assert found.kinds == way.kinds
    assert found.keys == (way.key,)


@pytest.mark.parametrize("way", [case for case in WAYS if case.values[0].only_if])
def test_a_way_with_a_switch_tells_nothing_while_it_is_off(way: Way) -> None:
    found = kinds({**way.example, way.only_if: False}, len(way.kinds))
    assert found.kinds == (FULL,) * len(way.kinds)
    assert not found.keys


@each("way", WAYS)
@each("value", [None, "?", [[]], [{}], {"a": 1}, True, -3, 1.5])
def test_a_value_that_does_not_tell_makes_no_layer_smaller(way: Way, value: Any) -> None:
    if "." in way.key:
        return
    found = layer_kinds({**way.example, way.key: value}, len(way.kinds))
    assert isinstance(found, str) or found.kinds == (FULL,) * len(way.kinds)


@pytest.mark.parametrize("key", ["layer_types", "layers_block_type", "hybrid_override_pattern"])
def test_a_list_with_an_entry_a_layer_tells_their_number(key: str) -> None:
    way = next(way for way in MIXERS if way.key == key)
    assert kinds(dict(way.example), None).kinds == way.kinds


def test_a_window_without_a_word_on_layers_makes_none_slide() -> None:
    found = kinds({"sliding_window": 128, "use_sliding_window": True}, 3)
    assert found.kinds == (FULL,) * 3
    assert not found.windows_told


def test_windows_and_shared_keys_add_to_what_mixers_tell() -> None:
    config = {"full_attn_idxs": [1, 2, 3], "sliding_window_pattern": 4, "num_kv_shared_layers": 1}
    assert kinds(config, 4).kinds == (LINEAR, SLIDING, SLIDING, SHARED_KV)


def test_layer_types_that_slide_win_over_a_pattern() -> None:
    types = ["full_attention", "sliding_attention", "full_attention"]
    assert kinds({"layer_types": types, "sliding_window_pattern": 2}, 3).kinds == (FULL, SLIDING, FULL)
