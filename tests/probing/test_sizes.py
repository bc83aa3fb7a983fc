"""The sizes of a probe keep what rotations say of them: ratios of lengths, sections, factors for each frequency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.expressions.tree import key
from scaffold.probing import probe
from scaffold.probing.sizes import LIMIT, shrink
from scaffold.reading import decoder
from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood

SIZES = {"hidden_size": 3072, "num_attention_heads": 32, "num_key_value_heads": 32}
PHI3 = {
    **SIZES, "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 32064, "intermediate_size": 8192,
    "num_hidden_layers": 40, "max_position_embeddings": 131072, "original_max_position_embeddings": 4096,
    "rope_theta": 1e4,
}  # fmt: skip
LONG = {"short_factor": [1 + n / 50 for n in range(48)], "long_factor": [2.0 + n for n in range(48)]}


def rope_of(package: Path, **rope: Any) -> Any:
    source = find("Phi3ForCausalLM", "phi3", {}, Path(), package)
    assert source is not None
    return decoder.read(probe.run(source, {**PHI3, "rope_scaling": {**LONG, **rope}})).layers[0].mixer.rope  # type: ignore[attr-defined]


@pytest.mark.parametrize("rope", [{"type": "longrope"}, {"type": "su"}, {"rope_type": "longrope", "factor": 32.0}])
def test_longrope_is_read_with_and_without_the_factor_of_its_lengths(
    transformers_source: Path, rope: dict[str, Any]
) -> None:
    found = rope_of(transformers_source, **rope)
    assert (found.parameters, found.rotary_dim) == (key("rope_parameters"), 96)


@pytest.mark.parametrize("rope", [{"factor": 16.0}, {"attention_factor": 1.7}])
def test_longrope_with_numbers_that_vllm_does_not_read_is_a_hole_that_says_so(
    transformers_source: Path, rope: dict[str, Any]
) -> None:
    with pytest.raises(NotUnderstood, match="get_rope makes something else of rope_type 'longrope'"):
        rope_of(transformers_source, type="longrope", **rope)


@pytest.mark.parametrize("which", [0, 1])
def test_sections_of_mrope_make_up_half_a_head(which: int) -> None:
    small = shrink({**SIZES, "rope_parameters": {"rope_theta": 1e6, "mrope_section": [16, 16, 16]}}, which)
    sections = small["rope_parameters"]["mrope_section"]
    assert len(sections) == 3
    assert 2 * sum(sections) == small["hidden_size"] // small["num_attention_heads"]


def test_a_size_in_an_object_is_that_of_its_copy_outside() -> None:
    small = shrink({**SIZES, "num_key_value_heads": 8, "attn_config": {"kv_n_heads": 8, "clip_qkv": 8}})
    assert small["attn_config"] == {
        "kv_n_heads": small["num_key_value_heads"],
        "clip_qkv": LIMIT[0],
    }  # a limit that shows
