"""Conditions over layers: what an adapter would evaluate is true for exactly the flagged layers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.python import write
from scaffold.probing.choices import condition
from tests.rows import each

HINTS = ("layer_types", "rope", "dense")


def evaluated(text: str, config: dict[str, Any], count: int) -> list[bool]:
    """Return what a condition says of each layer, where config and layer are as in an adapter."""
    return [bool(eval(text, {"config": SimpleNamespace(**config), "layer_idx": i})) for i in range(count)]


@each(
    ("config", "flags", "text"),
    [
        ({"layer_types": ["sliding_attention", "full_attention"] * 2}, [1, 0, 1, 0],
         'config.layer_types[layer_idx] == "sliding_attention"'),
        ({"layer_types": ["a", "b", "c", "b"]}, [1, 0, 1, 0], 'config.layer_types[layer_idx] != "b"'),
        ({"no_rope_layers": [1, 1, 0, 1]}, [1, 1, 0, 1], "config.no_rope_layers[layer_idx]"),
        ({"no_rope_layers": [1, 1, 0, 1]}, [0, 0, 1, 0], "not config.no_rope_layers[layer_idx]"),
        ({"first_k_dense_replace": 1}, [0, 1, 1, 1], "layer_idx >= config.first_k_dense_replace"),
        ({"first_k_dense_replace": 1}, [1, 0, 0, 0], "layer_idx < config.first_k_dense_replace"),
        ({"sliding_window_pattern": 4}, [1, 1, 1, 0, 1, 1, 1, 0],
         "(layer_idx + 1) % config.sliding_window_pattern != 0"),
        ({"moe_layer_freq": 3}, [1, 0, 0, 1, 0], "layer_idx % config.moe_layer_freq == 0"),
        ({"mlp_only_layers": [0, 3]}, [1, 0, 0, 1, 0], "layer_idx in config.mlp_only_layers"),
        ({"mlp_only_layers": [0, 3]}, [0, 1, 1, 0, 1], "layer_idx not in config.mlp_only_layers"),
        ({}, [0, 1, 1, 1], "layer_idx >= 1"),
        ({}, [1, 1, 0, 0], "layer_idx <= 1"),
        ({}, [1, 0, 0, 1], "layer_idx in (0, 3)"),
        ({}, [0, 1, 0, 0], "layer_idx in (1,)"),
    ],
)  # fmt: skip
def test_the_config_says_it_if_it_can(config: dict[str, Any], flags: list[int], text: str) -> None:
    assert write(condition(config, list(map(bool, flags)), HINTS)) == text


def test_of_several_that_hold_the_most_likely_is_taken() -> None:
    config = {"other": [1, 0, 1, 0], "my_rope_layers": [1, 0, 1, 0], "period": 2}
    found = condition(config, [True, False, True, False], HINTS)
    assert write(found) == "config.my_rope_layers[layer_idx]"


words = st.sampled_from(["full", "sliding", "it's", "a b", "7"])
values = st.one_of(
    st.integers(-2, 9),
    st.booleans(),
    st.none(),
    st.text(max_size=3),
    st.lists(st.integers(-1, 8), max_size=9),
    st.lists(st.booleans(), max_size=9),
    st.lists(words, max_size=9),
    st.lists(st.one_of(words, st.integers(0, 2), st.none()), max_size=9),
)
keys = st.sampled_from(["layer_types", "no_rope", "first_k_dense", "k", "not an identifier", "moe_every"])


@given(config=st.dictionaries(keys, values, max_size=5), flags=st.lists(st.booleans(), min_size=1, max_size=9))
def test_a_condition_is_true_for_exactly_the_flagged_layers(config: dict[str, Any], flags: list[bool]) -> None:
    if not any(flags):
        return
    found = condition(config, flags, HINTS)
    assert evaluated(write(found), config, len(flags)) == flags
    assert [bool(evaluate(found, config, layer)) for layer in range(len(flags))] == flags


@given(data=st.data(), count=st.integers(1, 9))
def test_a_condition_of_the_config_is_found_where_there_is_one(data: st.DataObject, count: int) -> None:
    kinds = data.draw(st.lists(st.sampled_from(["full", "sliding"]), min_size=count, max_size=count))
    flags = [kind == "full" for kind in kinds]
    if any(flags):
        assert write(condition({"layer_types": kinds}, flags, HINTS)) == 'config.layer_types[layer_idx] == "full"'
