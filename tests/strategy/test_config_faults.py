"""What a class asks of the config decides: a key that is read and not there, a value that it refuses, a switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.strategy import supported
from scaffold.strategy.protocol import Question
from scaffold.strategy.table import STRATEGIES
from tests.models.families import Shapes, shapes_of, write
from tests.sampled import costly, sampled
from tests.strategy.trusted import asked, question_of

DEEPSEEK: dict[str, Any] = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "hidden_size": 128, "vocab_size": 512,
    "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4,
    "first_k_dense_replace": 1, "n_routed_experts": 4, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2,
    "n_shared_experts": 1, "moe_intermediate_size": 64, "q_lora_rank": 64, "kv_lora_rank": 32, "qk_rope_head_dim": 16,
    "qk_nope_head_dim": 32, "v_head_dim": 32, "max_position_embeddings": 512, "tie_word_embeddings": False,
    "routed_scaling_factor": 2.5, "norm_topk_prob": True, "rope_theta": 10000.0, "torch_dtype": "bfloat16",
    "num_nextn_predict_layers": 0, "hidden_act": "silu",
}  # fmt: skip


def deepseek_shapes() -> Shapes:
    """Return the tensors of a DeepSeek-V3 of one dense layer and one with experts, as published."""
    found: Shapes = {"model.embed_tokens.weight": (512, 128)}
    for layer in range(2):
        at = f"model.layers.{layer}."
        found |= {f"{at}{name}_layernorm.weight": (128,) for name in ("input", "post_attention")}
        found |= {
            f"{at}self_attn.q_a_proj.weight": (64, 128), f"{at}self_attn.q_a_layernorm.weight": (64,),
            f"{at}self_attn.q_b_proj.weight": (4 * 48, 64), f"{at}self_attn.kv_a_proj_with_mqa.weight": (48, 128),
            f"{at}self_attn.kv_a_layernorm.weight": (32,), f"{at}self_attn.kv_b_proj.weight": (4 * 64, 32),
            f"{at}self_attn.o_proj.weight": (128, 4 * 32),
        }  # fmt: skip
    found |= _mlp("model.layers.0.mlp.", 256) | _mlp("model.layers.1.mlp.shared_experts.", 64)
    for expert in range(4):
        found |= _mlp(f"model.layers.1.mlp.experts.{expert}.", 64)
    found |= {"model.layers.1.mlp.gate.weight": (4, 128), "model.layers.1.mlp.gate.e_score_correction_bias": (4,)}
    return found | {"model.norm.weight": (128,), "lm_head.weight": (512, 128)}


def _mlp(at: str, inner: int) -> Shapes:
    return {f"{at}gate_proj.weight": (inner, 128), f"{at}up_proj.weight": (inner, 128),
            f"{at}down_proj.weight": (128, inner)}  # fmt: skip


def deepseek(folder: Path, **changed: Any) -> Question:
    return question_of(write(folder, {**DEEPSEEK, **changed}, deepseek_shapes()))


@costly
def test_a_switch_of_the_config_decides_whether_a_tensor_has_a_parameter(tmp_path: Path) -> None:
    """As transformers 5 saves it, the config has no ``topk_method``: vLLM then makes no bias for the router."""
    answer = supported.holds(deepseek(tmp_path / "saved"))
    assert not answer.holds
    assert "has no parameter for model.layers.*.mlp.gate.e_score_correction_bias, and none is left" in answer.reason
    assert "DeepseekV2MoE asks the config for" in answer.reason
    assert "topk_method" in answer.reason
    published = supported.holds(deepseek(tmp_path / "published", topk_method="noaux_tc", scoring_func="sigmoid"))
    assert (published.holds, published.notes, published.unproved) == (True, (), ())


def test_a_value_that_the_class_refuses(tmp_path: Path) -> None:
    answer = supported.holds(asked(tmp_path, "qwen3", {"hidden_act": "gelu"}))
    assert not answer.holds
    assert "cannot be made of this config: qwen2.py:" in answer.reason
    assert "raises ValueError" in answer.reason


def test_a_key_that_is_read_without_a_default_and_that_the_config_class_does_not_have(tmp_path: Path) -> None:
    """A Llama's config in front of a class that reads the keys of experts."""
    changed = {"architectures": ["MixtralForCausalLM"]}
    answer = supported.holds(asked(tmp_path, "llama", changed, shapes_of("llama")))
    assert "which config.json does not have" in answer.reason
    assert "config.num_local_experts" in answer.reason


NO_FACTOR = {"rope_scaling": {"rope_type": "linear"}}


def test_a_config_that_nothing_loads_is_served_in_no_way(tmp_path: Path) -> None:
    question = asked(tmp_path, "llama", NO_FACTOR)
    for strategy in STRATEGIES:
        answer = strategy.holds(question)
        assert not answer.holds, strategy.name
    assert "vLLM cannot load config.json: transformers' LlamaConfig wants factor" in supported.holds(question).reason


@pytest.mark.parametrize("family", sampled(["llama", "qwen2", "qwen3", "granite", "mixtral", "qwen3_moe"], every=3))
def test_what_is_as_published_has_no_fault(tmp_path: Path, family: str) -> None:
    assert supported.holds(asked(tmp_path, family)).holds
