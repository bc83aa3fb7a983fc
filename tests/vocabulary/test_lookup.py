"""Sizes of a config by their role."""

from __future__ import annotations

from typing import Any

from scaffold.vocabulary.lookup import at, key_of, replaced, value_of
from tests.rows import each


@each(
    ("config", "key", "value"),
    [
        ({"num_key_value_heads": 2}, "num_key_value_heads", 2),
        ({"multi_query_group_num": 2}, "multi_query_group_num", 2),
        ({"num_key_value_heads": None, "num_kv_heads": 4}, "num_kv_heads", 4),
        ({"num_kv_heads": 4, "num_key_value_heads": 2}, "num_key_value_heads", 2),
        ({"attn_config": {"kv_n_heads": 8}}, "attn_config.kv_n_heads", 8),
        ({"attn_config": 8}, None, None),
        ({}, None, None),
    ],
)
def test_a_role_is_found_under_its_most_usual_spelling(config: dict[str, Any], key: str | None, value: Any) -> None:
    assert (key_of("num_kv_heads", config), value_of("num_kv_heads", config)) == (key, value)


def test_values_are_replaced_in_copies_of_the_objects_that_hold_them() -> None:
    config = {"d_model": 64, "attn_config": {"kv_n_heads": 8, "clip_qkv": 8}}
    new = replaced(config, {"d_model": 32, "attn_config.kv_n_heads": 2})
    assert new == {"d_model": 32, "attn_config": {"kv_n_heads": 2, "clip_qkv": 8}}
    assert at(config, "attn_config.kv_n_heads") == 8
