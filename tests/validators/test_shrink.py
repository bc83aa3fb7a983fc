"""The twin's config: small, and everything that a config tells apart is still told apart."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.vocabulary.rows import as_value
from scaffold_validators.twin import shrink as rules
from scaffold_validators.twin.shrink import overridden, prompt_tokens

VOCABULARY = as_value()

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "bos_token_id": 128000,
    "eos_token_id": [128001, 128009],
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
    "rope_parameters": {"rope_theta": 5e5, "factor": 8.0},
    "quantization_config": {"quant_method": "fp8"},
}


def shrink(config: dict[str, Any]) -> dict[str, Any]:
    return rules.shrink(config, VOCABULARY)


def test_sizes_shrink_and_meaning_stays() -> None:
    small = shrink(LLAMA)
    assert (small["num_hidden_layers"], small["num_attention_heads"], small["num_key_value_heads"]) == (4, 8, 2)
    assert (small["head_dim"], small["hidden_size"]) == (128, 1024)
    assert (small["intermediate_size"], small["vocab_size"]) == (320, 512)
    assert small["rope_parameters"] == LLAMA["rope_parameters"]
    assert small["bos_token_id"] < 512
    assert all(token < 512 for token in small["eos_token_id"])
    assert "quantization_config" not in small
    assert LLAMA["num_hidden_layers"] == 32  # the argument stays as it is


@pytest.mark.parametrize(("inner", "times"), [(4 * 4096, 4), (14336, None)])
def test_an_inner_size_of_four_times_the_hidden_size_stays_so(inner: int, times: int | None) -> None:
    """vLLM's own Falcon makes 4 * hidden_size, whatever the config says: that shows only where it is not so."""
    small = shrink({**LLAMA, "intermediate_size": inner})
    assert small["intermediate_size"] == (320 if times is None else times * small["hidden_size"])


def test_a_size_for_each_layer_goes_with_its_layer() -> None:
    sizes = [8192, 64] * 16
    small = shrink({**LLAMA, "intermediate_size": sizes})
    assert small["intermediate_size"] == [320, 64, 320, 64]
    assert len(small["intermediate_size"]) == small["num_hidden_layers"]


@given(heads_per_kv=st.integers(1, 8), kv_heads=st.sampled_from([1, 2, 4, 8]), head_dim=st.sampled_from([64, 96, 128]))
def test_the_ratio_of_heads_stays_and_the_sizes_fit(heads_per_kv: int, kv_heads: int, head_dim: int) -> None:
    heads = heads_per_kv * kv_heads
    config = {"num_hidden_layers": 8, "num_attention_heads": heads, "num_key_value_heads": kv_heads}
    small = shrink({**config, "hidden_size": heads * head_dim})
    assert small["num_attention_heads"] == heads_per_kv * small["num_key_value_heads"]
    assert small["hidden_size"] == small["num_attention_heads"] * head_dim
    assert (small["num_key_value_heads"] == 1) == (kv_heads == 1)


@given(
    layers=st.lists(
        st.sampled_from(list(product(("full_attention", "sliding_attention"), ("dense", "sparse")))),
        min_size=1,
        max_size=60,
    )
)
def test_every_kind_of_layer_stays_in_its_order(layers: list[tuple[str, str]]) -> None:
    config: dict[str, Any] = {
        "num_hidden_layers": len(layers),
        "layer_types": [kind for kind, _ in layers],
        "mlp_layer_types": [kind for _, kind in layers],
    }
    small = shrink(config)
    kept = list(zip(small["layer_types"], small["mlp_layer_types"], strict=True))
    assert len(kept) == small["num_hidden_layers"] <= max(4, len(set(layers)))
    assert list(dict.fromkeys(kept)) == list(dict.fromkeys(layers))


def test_the_first_layer_with_experts_follows_a_dense_one() -> None:
    small = shrink(
        {
            "num_hidden_layers": 61,
            "first_k_dense_replace": 3,
            "n_routed_experts": 256,
            "n_group": 8,
            "topk_group": 4,
            "num_experts_per_tok": 8,
            "n_shared_experts": 1,
            "moe_intermediate_size": 2048,
        }
    )
    assert (small["num_hidden_layers"], small["first_k_dense_replace"]) == (4, 1)
    assert (small["n_routed_experts"], small["n_group"], small["topk_group"], small["num_experts_per_tok"]) == (
        8,
        4,
        2,
        3,
    )
    assert (small["n_shared_experts"], small["moe_intermediate_size"]) == (1, 96)


@pytest.mark.parametrize(("before", "after"), [([0], [0]), ([0, 47], [0]), ([5, 9], [0]), ([0, 1, 2, 3, 4], [0, 1, 2])])
def test_lists_of_layer_numbers_leave_some_in_and_some_out(before: list[int], after: list[int]) -> None:
    assert shrink({"num_hidden_layers": 48, "mlp_only_layers": before})["mlp_only_layers"] == after


def test_a_list_of_all_layers_stays_one() -> None:
    small = shrink({"num_hidden_layers": 48, "moe_layers": list(range(48))})
    assert small["moe_layers"] == list(range(small["num_hidden_layers"]))


def test_windows_end_before_the_prompt_does() -> None:
    small = shrink({"num_hidden_layers": 4, "sliding_window": 4096, "attention_chunk_size": 8192})
    assert small["sliding_window"] < prompt_tokens(small, VOCABULARY)
    assert small["attention_chunk_size"] < prompt_tokens(small, VOCABULARY)
    assert shrink({"sliding_window": None})["sliding_window"] is None


def test_layers_for_prediction_are_left_out_under_each_of_their_names() -> None:
    for key in VOCABULARY["mtp_layers"]["keys"]:
        assert shrink({"num_hidden_layers": 4, key: 1})[key] == 0
    assert "mtp_num_hidden_layers" in VOCABULARY["mtp_layers"]["keys"]  # Qwen3.5


def test_sizes_in_an_object_of_the_config_shrink_in_place() -> None:
    config = {
        "n_layers": 40,
        "n_heads": 48,
        "d_model": 6144,
        "attn_config": {"kv_n_heads": 8, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4},
    }
    small = shrink(config)
    assert (small["n_heads"], small["d_model"]) == (12, 1536)
    assert small["attn_config"] == {"kv_n_heads": 2, "clip_qkv": 8.0}
    assert small["ffn_config"] == {"ffn_hidden_size": 96, "moe_num_experts": 8, "moe_top_k": 3}
    assert config["attn_config"] == {"kv_n_heads": 8, "clip_qkv": 8.0}  # the argument stays as it is


def test_a_number_of_tokens_to_sample_from_is_no_number_of_experts() -> None:
    assert shrink({"num_hidden_layers": 4, "top_k": 50})["top_k"] == 50


def test_the_vocabulary_and_the_script_have_the_same_rules() -> None:
    named = {row["twin"] for row in VOCABULARY.values() if isinstance(row["twin"], str)}
    assert named == set(rules.RULES)


def test_what_counts_instead_goes_over_the_config_object_by_object() -> None:
    config = {"vocab_size": 500, "text_config": {"head_dim": 64, "num_heads": 4}, "rope": None}
    over = {"vocab_size": 512, "text_config": {"head_dim": 32}, "rope": {"theta": 1.0}}
    expected = {"vocab_size": 512, "text_config": {"head_dim": 32, "num_heads": 4}, "rope": {"theta": 1.0}}
    assert overridden(config, over) == expected
    assert config["vocab_size"] == 500
