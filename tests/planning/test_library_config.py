"""When transformers' class for a model type is none for a checkpoint whose own class has the same name."""

from __future__ import annotations

from pathlib import Path

from scaffold.planning.library_config import differs

LLAMA = {
    "hidden_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 96,
    "model_type": "llama",
}


def test_null_where_the_class_checks_for_a_number(transformers_source: Path) -> None:
    written = {"kv_lora_rank": None, "q_lora_rank": None, "hidden_size": 128}
    found = differs("deepseek_v2", written, written, {"hidden_size"}, transformers_source)
    assert found == "transformers' DeepseekV2Config takes no kv_lora_rank of None"


def test_another_number_that_is_read(transformers_source: Path) -> None:
    completed = {**LLAMA, "head_dim": 48}
    found = differs("llama", LLAMA, completed, {"head_dim", "hidden_size"}, transformers_source)
    assert found == "transformers' LlamaConfig makes head_dim 32, and the model's own class 48"
    assert differs("llama", LLAMA, completed, {"hidden_size"}, transformers_source) == ""


def test_a_class_that_makes_the_same_and_a_type_that_is_not_known(transformers_source: Path) -> None:
    completed = {**LLAMA, "head_dim": 32}
    assert differs("llama", LLAMA, completed, set(completed), transformers_source) == ""
    assert differs("no-such-type", LLAMA, completed, set(completed), transformers_source) == ""


def test_numbers_and_words_that_the_class_does_not_take(transformers_source: Path) -> None:
    """Fields are checked by their types, those of an object in the config by the types of its own class."""
    for inner, said in (
        ({"clip_qkv": 6}, "attn_config.clip_qkv of 6"),
        ({"attn_type": "grouped_query_attention"}, "attn_config.attn_type of grouped_query_attention"),
    ):
        found = differs("mpt", {"attn_config": inner}, {}, set(), transformers_source)
        assert found == f"transformers' MptConfig takes no {said}"
    taken = {"attn_config": {"clip_qkv": 6.0, "attn_type": "multihead_attention"}, "expansion_ratio": 4}
    assert differs("mpt", taken, {}, set(), transformers_source) == ""
