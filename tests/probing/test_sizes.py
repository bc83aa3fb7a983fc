"""The sizes of a probe keep what rotations say of them: ratios of lengths, sections, factors for each frequency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.expressions.tree import key
from scaffold.probing import made, probe
from scaffold.probing.sizes import LIMIT, NEAR, pairs, probe_value, shrink
from scaffold.reading import decoder
from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch import bounds
from tests.rows import each
from tests.sampled import costly, sampled

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


@pytest.mark.parametrize(
    "rope", sampled([{"type": "longrope"}, {"type": "su"}, {"rope_type": "longrope", "factor": 32.0}], every=3)
)
def test_longrope_is_read_with_and_without_the_factor_of_its_lengths(
    transformers_source: Path, rope: dict[str, Any]
) -> None:
    found = rope_of(transformers_source, **rope)
    assert (found.parameters, found.rotary_dim) == (key("rope_parameters"), 96)


@costly
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


@pytest.mark.parametrize("key", ["dummy_token_indices", "suppressed_tokens_ids", "special_token_ids"])
def test_tokens_that_the_config_lists_stay_inside_of_the_vocabulary(key: str) -> None:
    small = shrink({**SIZES, "vocab_size": 32064, key: [500, 7], "layer_ids": [500]})
    assert small[key] == [500 % small["vocab_size"], 7]
    assert small["layer_ids"] == [500]


def test_a_size_in_an_object_is_that_of_its_copy_outside() -> None:
    small = shrink({**SIZES, "num_key_value_heads": 8, "attn_config": {"kv_n_heads": 8, "clip_qkv": 8}})
    assert small["attn_config"] == {
        "kv_n_heads": small["num_key_value_heads"],
        "clip_qkv": LIMIT[0],
    }  # a limit that shows


def test_factors_of_the_older_spelling_are_as_many_as_a_head_has_frequencies() -> None:
    """Config classes of remote code check that; of latent attention a part of the head turns."""
    rope = {"type": "su", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
    stated = {**PHI3, "rope_scaling": rope}
    for which in (0, 1):
        small = shrink(stated, which)
        half = small["hidden_size"] // small["num_attention_heads"] // 2
        assert [len(small["rope_scaling"][name]) for name in ("short_factor", "long_factor")] == [half, half]
        assert "original_max_position_embeddings" not in small["rope_scaling"]
    latent = {**PHI3, "kv_lora_rank": 256, "qk_rope_head_dim": 32, "qk_nope_head_dim": 64}
    latent["rope_scaling"] = {**rope, "short_factor": [1.0] * 16, "long_factor": [2.0] * 16}
    small = shrink(latent, 0)
    assert len(small["rope_scaling"]["short_factor"]) == small["qk_rope_head_dim"] // 2


@pytest.mark.parametrize("name", ["last_context_length", "mem_len", "local_block_size", "attention_sink_tokens"])
def test_numbers_of_nearby_tokens_are_reached(name: str) -> None:
    assert [shrink({**PHI3, name: 1024}, which)[name] for which in (0, 1)] == list(NEAR)
    assert all(size < probe.NUM_TOKENS for size in NEAR)
    assert shrink({**PHI3, name: 0}, 0)[name] == 0


def test_tokens_that_linear_attention_takes_together_are_a_size() -> None:
    """Tables of their square lie in each layer: at the sizes of a published config they would take gigabytes."""
    small = [shrink({**PHI3, "block_size": 256}, which)["block_size"] for which in (0, 1)]
    assert small == [probe_value("linear_block_size", which) for which in (0, 1)]
    assert all(probe.NUM_TOKENS < size < 64 for size in small)


@pytest.mark.parametrize(("rows", "is_same"), [(32064, True), (32000, False)])
def test_a_vocabulary_of_other_inputs_is_cut_whether_or_not_it_is_that_of_tokens(rows: int, is_same: bool) -> None:
    for which in (0, 1):
        small = shrink({**PHI3, "vocab_size_per_layer_input": rows}, which)
        assert 100 <= small["vocab_size_per_layer_input"] <= small["vocab_size"]
        assert (small["vocab_size_per_layer_input"] == small["vocab_size"]) is is_same


def test_a_model_that_is_made_is_measured(transformers_source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = find("Phi3ForCausalLM", "phi3", {}, Path(), transformers_source)
    assert source is not None
    made.make(source, PHI3, 0, None, ())
    monkeypatch.setattr(bounds, "MAX_KEPT", 5)
    with pytest.raises(NotUnderstood, match="elements in its tensors"):
        made.make(source, PHI3, 0, None, ())


def test_further_pairs_of_probes_have_other_sizes_of_heads() -> None:
    usual = [shrink(PHI3, which)["num_attention_heads"] for which in (0, 1)]
    packed = [shrink(PHI3, which) for which in (2, 3)]
    assert [one["num_attention_heads"] % 8 for one in packed] == [0, 0]
    assert [one["num_attention_heads"] for one in packed] != usual
    for pair, size in ((2, 64), (3, 128)):
        small = [shrink(PHI3, 2 * pair + which) for which in (0, 1)]
        assert [one["hidden_size"] // one["num_attention_heads"] for one in small] == [size, size]
        assert small[0]["num_attention_heads"] != small[1]["num_attention_heads"]


@each(
    ("more", "tried"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"partial_rotary_factor": 0.5}, [0, 1, 2, 3, 4]),
        ({"partial_rotary_factor": 0.4, "hidden_size": 2560}, [5]),  # 32 of 80 entries
        ({"rope_parameters": {"partial_rotary_factor": 0.4}, "head_dim": 80}, [5]),
        ({"rotary_pct": 0.3, "head_dim": 80}, [5]),
        ({"partial_rotary_factor": 0.4, "head_dim": 64}, [0, 1, 2, 3, 4]),  # 25.6 of 64: source rounds it
    ],
)
def test_the_part_of_a_head_that_turns_is_whole_where_it_is(more: dict[str, Any], tried: list[int]) -> None:
    assert pairs({**PHI3, **more}) == tried


def test_of_heads_of_which_four_tenths_turn_the_model_is_read(transformers_source: Path) -> None:
    source = find("PhiForCausalLM", "phi", {}, Path(), transformers_source)
    assert source is not None
    config = {**PHI3, "hidden_size": 2560, "model_type": "phi", "partial_rotary_factor": 0.4}
    rope = decoder.read(probe.run(source, config, 2 * pairs(config)[0])).layers[0].mixer.rope  # type: ignore[attr-defined]
    assert rope is not None


def test_a_size_that_a_config_says_twice_is_one() -> None:
    """Which of both source reads is not known before it runs; where they differ, each stays what it is."""
    small = shrink({**SIZES, "max_position_embeddings": 4096, "n_positions": 4096, "seq_length": 2048})
    assert small["n_positions"] == small["max_position_embeddings"] == probe_value("max_position_embeddings", 0)
    assert small["seq_length"] == 2048
