"""What transformers' own config classes refuse: keys of rotary parameters, types of fields, checks of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.source.refused import refused, required_keys

SIZES = {
    "hidden_size": 64, "num_attention_heads": 4, "max_position_embeddings": 256, "rope_theta": 1e4,
    "original_max_position_embeddings": 64,
}  # fmt: skip
FACTORS = {"short_factor": [1.0] * 8, "long_factor": [2.0] * 8}


@pytest.mark.parametrize(
    ("model_type", "scaling", "says"),
    [
        ("phi3", {"type": "longrope", **FACTORS}, ""),
        ("phi3", None, ""),
        # the length is filled in for the types of today, and su becomes longrope only then
        ("phi3", {"type": "su", **FACTORS}, "wants original_max_position_embeddings in rotary parameters of the type"),
        ("phi3", {"type": "linear", "factor": 2.0}, "type field must be one of ['longrope']"),
        ("phi3", {"type": "longrope", **FACTORS, "short_factor": [1.0]}, "short_factor field must have length"),
        ("llama", {"rope_type": "linear"}, "wants factor in"),
        ("llama", {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0}, "wants high_freq_factor in"),
        ("llama", {"type": "yarn", "factor": 8.0}, ""),
        ("no-such-type", {"type": "su"}, ""),
    ],
)
def test_rotary_parameters(
    model_type: str, scaling: dict[str, Any] | None, says: str, transformers_source: Path
) -> None:
    found = refused(model_type, {**SIZES, "rope_scaling": scaling}, transformers_source)
    assert says in found
    assert bool(says) is bool(found)


def test_a_field_of_another_type(transformers_source: Path) -> None:
    assert refused("llama", {**SIZES, "hidden_size": "64"}, transformers_source).endswith("takes no hidden_size of 64")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"torch_dtype": "bf16"}, "takes no torch_dtype of 'bf16', which is no data type of torch"),
        ({"torch_dtype": "torch.bfloat16"}, "takes no torch_dtype of 'torch.bfloat16', which is no data type of torch"),
        ({"dtype": "auto", "torch_dtype": "bfloat16"}, "takes no dtype of 'auto', which is no data type of torch"),
        ({"dtype": "bfloat16", "torch_dtype": "bf16"}, ""),
        ({"torch_dtype": "half"}, ""),
        ({"torch_dtype": None}, ""),
    ],
)
def test_words_for_data_types(written: dict[str, Any], says: str, transformers_source: Path) -> None:
    """The classes of today look them up in torch, which ends in an AttributeError."""
    found = refused("llama", {**SIZES, **written}, transformers_source)
    assert found.endswith(says)
    assert bool(says) is bool(found)


def test_a_word_for_the_data_type_of_a_part(transformers_source: Path) -> None:
    written = {"text_config": {"model_type": "llama", "dtype": "bf16"}, "transformers.js_config": {"dtype": "q4"}}
    assert "takes no text_config.dtype of 'bf16'" in refused("llava", written, transformers_source)
    assert not refused("llava", {**written, "text_config": {"model_type": "llama"}}, transformers_source)


def test_a_release_without_such_checks_refuses_nothing(tmp_path: Path) -> None:
    assert required_keys(tmp_path) == {}


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        (["full_attention", "sliding_attention"], ""),
        (["attention", "full_attention"], ""),  # an older word, which is replaced
        (None, ""),
        (["full_attention"], "layer_types has 1 of them, and num_hidden_layers is 2"),
        (["full_attention", "nova_attention"], "layer_types has 'nova_attention', which is no kind of layer"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_kinds_of_layers(kinds: list[str] | None, says: str, nested: bool, transformers_source: Path) -> None:
    own = {"layer_types": kinds, "num_hidden_layers": 2, "sliding_window": 64}
    written: dict[str, Any] = {"text_config": {"model_type": "gemma3_text", **own}} if nested else {**SIZES, **own}
    found = refused("gemma3" if nested else "qwen3", written, transformers_source)
    assert says in found
    assert bool(says) is bool(found)
