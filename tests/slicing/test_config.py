"""A config cut to its first layers says of them what the whole says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.slicing.config import sliced_config

COUNT = 12
CONFIG: dict[str, Any] = {
    "architectures": ["OddForCausalLM"],
    "hidden_size": 64,
    "num_hidden_layers": COUNT,
    "layer_types": ["sliding_attention", "full_attention"] * 6,
    "no_rope_layers": [1, 1, 1, 0] * 3,
    "mlp_only_layers": [0, 5, 11],
    "moe_layer_end_index": 11,
    "first_k_dense_replace": 3,
    "num_nextn_predict_layers": 1,
    "hybrid_override_pattern": "M-M*" * 3,
    "attention_types": [[["global", "local"], 6]],
    "linear_attn_config": {"full_attn_layers": [4, 8, 12], "kda_layers": [1, 2, 3, 5, 6, 7, 9, 10, 11], "head_dim": 12},
    "block_configs": [{"ffn": {"no_op": False}}] * COUNT,
    "eos_token_id": list(range(COUNT)),
    "rope_parameters": {"rope_type": "longrope", "long_factor": [1.0] * COUNT},
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128] * COUNT},
    "tie_word_embeddings": False,
}


def test_all_that_speaks_of_layers_is_cut_and_nothing_else() -> None:
    assert sliced_config(CONFIG, "", 5) == {
        **CONFIG,
        "num_hidden_layers": 5,
        "layer_types": CONFIG["layer_types"][:5],
        "no_rope_layers": [1, 1, 1, 0, 1],
        "mlp_only_layers": [0],
        "moe_layer_end_index": 4,
        "num_nextn_predict_layers": 0,
        "hybrid_override_pattern": "M-M*M",
        "attention_types": [[["global", "local", "global", "local", "global"], 1]],
        "linear_attn_config": {"full_attn_layers": [4], "kda_layers": [1, 2, 3, 5], "head_dim": 12},
        "block_configs": [{"ffn": {"no_op": False}}] * 5,
    }


def test_the_text_config_is_cut_where_it_lies_and_towers_stay_whole() -> None:
    tower = {"num_hidden_layers": COUNT, "layer_types": ["full_attention"] * COUNT}
    outer = {"num_hidden_layers": COUNT, "vision_config": tower, "text_config": CONFIG}
    cut = sliced_config(outer, "text_config", 4)
    assert cut == {"num_hidden_layers": 4, "vision_config": tower, "text_config": sliced_config(CONFIG, "", 4)}


@given(count=st.integers(1, 40), data=st.data())
def test_a_slice_of_a_slice_is_a_slice(count: int, data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(["a", "b"]), min_size=count, max_size=count))
    numbers = sorted(data.draw(st.sets(st.integers(0, count - 1))))
    config = {"num_hidden_layers": count, "layer_types": kinds, "mlp_only_layers": numbers}
    more = data.draw(st.integers(1, count))
    fewer = data.draw(st.integers(1, more))
    assert sliced_config(sliced_config(config, "", more), "", fewer) == sliced_config(config, "", fewer)
    assert sliced_config(config, "", count) == config
    assert sliced_config(config, "", more)["layer_types"] == kinds[:more]


@pytest.mark.parametrize("layers", [0, 13])
def test_other_numbers_of_layers_are_an_error(layers: int) -> None:
    with pytest.raises(ValueError, match=f"{layers} of 12 layers"):
        sliced_config(CONFIG, "", layers)


def test_the_whole_stays_as_it_is() -> None:
    before = repr(CONFIG)
    sliced_config(CONFIG, "", 2)
    assert repr(CONFIG) == before
