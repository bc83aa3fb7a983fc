"""What a plain family's config may say: what else it says is a hole, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.checkpoint.config_types import check_config
from scaffold.common.errors import CheckpointError
from scaffold.reading.plain.family import Family, completed, families, problems
from scaffold.reading.plain.kinds import kinds, one_of_each
from tests.drawn import examples
from tests.rows import each

ROPE = {"rope_type": "default", "rope_theta": 5e5}
STATED: dict[str, Any] = {
    "vocab_size": 96, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
    "rope_parameters": ROPE, "sliding_window": None, "head_dim": 16, "num_experts": 8, "num_local_experts": 8,
    "num_experts_per_tok": 2, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 48,
    "norm_topk_prob": True,
}  # fmt: skip
EVERY = [pytest.param(family, id=family.name) for family in families().values()]


def config(family: Family, **changed: Any) -> dict[str, Any]:
    """Return the least that a config of the family states, with changes."""
    stated = {keys[0]: STATED[keys[0]] for keys in family.required}
    return {"rope_parameters": ROPE, **stated, **changed}


def found(family: Family, values: dict[str, Any]) -> dict[str, str]:
    """Return the holes by the key that they name."""
    return {hole.evidence.removeprefix("config.json, "): hole.what for hole in problems(family, values)}


def test_the_families_are_those_that_the_docs_name() -> None:
    names = [family.name for family in families().values()]
    assert names == ["Llama", "Mistral", "Qwen2", "Qwen3", "Mixtral", "Qwen2-MoE", "Qwen3-MoE"]


@each("family", EVERY)
def test_what_is_stated_has_no_problem_and_each_thing_left_out_has(family: Family) -> None:
    assert found(family, config(family)) == {}
    for keys in family.required:
        values = config(family)
        del values[keys[0]]
        assert list(found(family, values)) == [keys[0]]


@pytest.mark.parametrize("family", EVERY)
@examples(25)
@given(key=st.text(min_size=1), value=st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_any_key_that_the_family_has_not_is_a_hole_that_names_it(family: Family, key: str, value: Any) -> None:
    if key not in family.known:
        assert list(found(family, config(family, **{key: value}))) == [key]
        assert found(family, config(family, **{key: None})) == {}


KEYS = sorted({key for family in families().values() for key in family.known})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("family", EVERY)
@examples(12)
@given(changed=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_no_value_ends_in_a_traceback(family: Family, changed: dict[str, Any]) -> None:
    values = config(family, **changed)
    try:
        check_config(values)
    except CheckpointError:
        return
    if not found(family, values):
        whole = completed(family, values)
        assert len(kinds(whole)) == values["num_hidden_layers"]
        assert one_of_each(whole)["num_hidden_layers"] <= 2


def rope(**parameters: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_theta": 1e4, **parameters}}


@each(
    ("name", "changed", "key"),
    [
        ("Llama", {"residual_multiplier": 0.5}, "residual_multiplier"),
        ("Llama", {"attention_multiplier": 0.1}, "attention_multiplier"),
        ("Llama", {"final_logit_softcapping": 30.0}, "final_logit_softcapping"),
        ("Llama", {"layer_types": ["full_attention"] * 4}, "layer_types"),
        ("Llama", {"is_decoder": True}, "is_decoder"),
        ("Llama", {"num_attention_heads": [4, 4, 4, 2]}, "num_attention_heads"),
        ("Llama", {"auto_map": {"AutoConfig": "configuration_x.XConfig"}}, "auto_map"),
        ("Llama", rope(rope_type="dynamic", factor=2.0), "rope_parameters"),
        ("Llama", rope(rope_type="yarn", type="linear", factor=2.0), "rope_parameters"),
        ("Llama", rope(rope_type="linear"), "rope_parameters.factor"),
        ("Llama", rope(partial_rotary_factor=0.5), "rope_parameters.partial_rotary_factor"),
        ("Llama", {**rope(), "rope_theta": 2e4}, "rope_theta"),
        ("Llama", {**rope(), "rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_parameters"),
        ("Qwen2", {"rope_parameters": None}, "rope_theta"),
        ("Mistral", {"layer_types": ["sliding_attention"] * 4}, "layer_types"),
        ("Qwen2", {"use_sliding_window": True, "max_window_layers": 2}, "sliding_window"),
        ("Qwen2", {"use_sliding_window": True, "sliding_window": 8}, "max_window_layers"),
        ("Qwen2", {"layer_types": ["chunked_attention"] * 4}, "layer_types"),
        ("Qwen2", {"layer_types": ["sliding_attention"] * 4}, "layer_types"),
        ("Qwen2", {"layer_types": ["full_attention"]}, "layer_types"),
        ("Qwen2-MoE", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 2}, "use_sliding_window"),
        ("Qwen3-MoE", {"num_local_experts": 8}, "num_experts"),
        ("Qwen3-MoE", {"mlp_only_layers": "0"}, "mlp_only_layers"),
        ("Qwen3-MoE", {"decoder_sparse_step": 0}, "decoder_sparse_step"),
        ("Qwen3-MoE", {"n_group": 4}, "n_group"),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_a_hole_that_names_the_key(name: str, changed: dict[str, Any], key: str) -> None:
    family = next(one for one in families().values() if one.name == name)
    assert list(found(family, config(family, **changed))) == [key]


def test_windows_where_only_their_first_layer_is_stated() -> None:
    family = families()["Qwen3ForCausalLM"]
    values = completed(family, config(family, use_sliding_window=True, sliding_window=8, max_window_layers=3))
    assert values["layer_types"] == ["full_attention"] * 3 + ["sliding_attention"]
    assert kinds(values) == [("full_attention", False)] * 3 + [("sliding_attention", False)]
    assert one_of_each(values)["layer_types"] == ["full_attention", "sliding_attention"]


def test_layers_with_and_without_experts() -> None:
    family = families()["Qwen2MoeForCausalLM"]
    values = completed(family, config(family, mlp_only_layers=[1], decoder_sparse_step=2, num_hidden_layers=5))
    assert [dense for _, dense in kinds(values)] == [True, True, True, False, True]
    small = one_of_each(values)
    assert [dense for _, dense in kinds(small)] == [True, False]
