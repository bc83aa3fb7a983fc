"""Eight shapes of ModelSlim checkpoints as they are published, at small sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.modelslim.made import Made, Modules, experts, gqa, mla, mlp, norms

HIDDEN, VOCABULARY, LAYERS = 256, 512, 2
Others = dict[str, tuple[int, ...]]
AROUND = {"hidden_size": HIDDEN, "vocab_size": VOCABULARY, "num_hidden_layers": LAYERS, "rms_norm_eps": 1e-6,
          "max_position_embeddings": 4096, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
          "hidden_act": "silu", "attention_bias": False}  # fmt: skip
HEADS = {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 64, "rope_theta": 1e6}
TOWER = {"depth": 1, "hidden_size": 64, "num_heads": 4, "intermediate_size": 128,
         "out_hidden_size": HIDDEN, "patch_size": 16, "temporal_patch_size": 2, "in_channels": 3,
         "spatial_merge_size": 2, "deepstack_visual_indexes": [0], "num_position_embeddings": 16,
         "hidden_act": "gelu_pytorch_tanh"}  # fmt: skip
"""The `vision_config` of Qwen3-VL, but for its model type."""


def _around(begin: str = "model", head: str = "lm_head") -> tuple[Modules, Others]:
    return {head: (VOCABULARY, HIDDEN)}, {f"{begin}.embed_tokens.weight": (VOCABULARY, HIDDEN),
                                          f"{begin}.norm.weight": (HIDDEN,)}  # fmt: skip


def _is_plain(name: str) -> bool:
    return name.endswith(("lm_head", ".gate", "shared_head.head", "eh_proj", "shared_expert_gate")) or "visual" in name


def dynamic(name: str) -> str:
    """Return W8A8_DYNAMIC for all that is usually quantised."""
    return "FLOAT" if _is_plain(name) else "W8A8_DYNAMIC"


def static(name: str) -> str:
    """Return what ModelSlim makes of a dense model: static but for the projections that it leaves plain."""
    return "FLOAT" if _is_plain(name) or name.endswith("down_proj") else "W8A8"


def four_bits(name: str) -> str:
    """Return four bits for the experts, and eight for all else."""
    return "W4A8_DYNAMIC" if ".experts." in name else dynamic(name)


def dense() -> Made:
    """A dense model, static W8A8."""
    config = {**AROUND, **HEADS, "architectures": ["Glm4ForCausalLM"], "model_type": "glm4", "intermediate_size": 512,
              "partial_rotary_factor": 0.5, "attention_bias": True}  # fmt: skip
    modules, others = _around()
    for number in range(LAYERS):
        at = f"model.layers.{number}"
        modules |= gqa(f"{at}.self_attn", HIDDEN, 8, 4, 64)
        modules |= {f"{at}.mlp.gate_up_proj": (1024, HIDDEN), f"{at}.mlp.down_proj": (HIDDEN, 512)}
        others |= norms(at, HIDDEN, "post_self_attn_layernorm", "post_mlp_layernorm")
        others |= {f"{at}.self_attn.{p}_proj.bias": (512 if p == "q" else 256,) for p in "qkv"}
    return Made(config, modules, others, static, {"model_quant_type": "W8A8"})


def _moe(word: Callable[[str], str], **settings: Any) -> Made:
    config = {**AROUND, **HEADS, "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe",
              "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 256, "intermediate_size": 512,
              "decoder_sparse_step": 1, "norm_topk_prob": True, "mlp_only_layers": []}  # fmt: skip
    modules, others = _around()
    for number in range(LAYERS):
        at = f"model.layers.{number}"
        modules |= gqa(f"{at}.self_attn", HIDDEN, 8, 4, 64) | {f"{at}.mlp.gate": (4, HIDDEN)}
        modules |= experts(f"{at}.mlp.experts", 4, HIDDEN, 256)
        others |= norms(at, HIDDEN) | {f"{at}.self_attn.{p}_norm.weight": (64,) for p in "qk"}
    return Made(config, modules, others, word, settings)


def moe() -> Made:
    """A mixture of experts, dynamic W8A8."""
    return _moe(dynamic, model_quant_type="W8A8_DYNAMIC")


def w4a8() -> Made:
    """A mixture of experts of four bits, two in a byte."""
    return _moe(four_bits, version="1.0.0", group_size=64)


def latent() -> Made:
    """Latent attention with experts, shared ones and a first dense layer."""
    config = {**AROUND, "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3",
              "num_attention_heads": 8, "num_key_value_heads": 8, "q_lora_rank": 64, "kv_lora_rank": 64,
              "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32, "intermediate_size": 512,
              "moe_intermediate_size": 128, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2,
              "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_group": 1, "topk_group": 1, "rope_theta": 1e4,
              "routed_scaling_factor": 1.0, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
              "norm_topk_prob": True}  # fmt: skip
    modules, others = _around()
    for number in range(LAYERS):
        at = f"model.layers.{number}"
        modules |= mla(f"{at}.self_attn", config)
        others |= norms(at, HIDDEN) | {f"{at}.self_attn.q_a_layernorm.weight": (64,),
                                       f"{at}.self_attn.kv_a_layernorm.weight": (64,)}  # fmt: skip
        if number:
            modules |= experts(f"{at}.mlp.experts", 4, HIDDEN, 128) | {f"{at}.mlp.gate": (4, HIDDEN)}
            modules |= mlp(f"{at}.mlp.shared_experts", HIDDEN, 128)
            others |= {f"{at}.mlp.gate.e_score_correction_bias": (4,)}
        else:
            modules |= mlp(f"{at}.mlp", HIDDEN, 512)
    return Made(config, modules, others, dynamic, {"model_quant_type": "W8A8_DYNAMIC"})


def vision_tower() -> tuple[Modules, Others]:
    """Return the modules and the other tensors of the tower and the mergers of Qwen3-VL, for the config ``TOWER``."""
    block = "model.visual.blocks.0"
    modules: Modules = {
        f"{block}.attn.qkv": (192, 64),
        f"{block}.attn.proj": (64, 64),
        f"{block}.mlp.linear_fc1": (128, 64),
        f"{block}.mlp.linear_fc2": (64, 128),
    }
    others: Others = {
        "model.visual.patch_embed.proj.weight": (64, 3, 2, 16, 16),
        "model.visual.patch_embed.proj.bias": (64,),
        "model.visual.pos_embed.weight": (16, 64),
    }
    others |= {f"{block}.norm{number}.{p}": (64,) for number in (1, 2) for p in ("weight", "bias")}
    for at in ("model.visual.merger", "model.visual.deepstack_merger_list.0"):
        modules |= {f"{at}.linear_fc1": (256, 256), f"{at}.linear_fc2": (HIDDEN, 256)}
        others |= {f"{at}.norm.{p}": (64 if "list" not in at else 256,) for p in ("weight", "bias")}
    others |= {f"{name}.bias": (size[0],) for name, size in modules.items() if "visual" in name}
    return modules, others


def vision() -> Made:
    """A vision-language model whose language model lies under a prefix, with plain tower and merger."""
    text = {**AROUND, **HEADS, "model_type": "qwen3_vl_moe_text", "num_experts": 4, "num_experts_per_tok": 2,
            "moe_intermediate_size": 256, "intermediate_size": 512, "decoder_sparse_step": 1, "norm_topk_prob": True,
            "mlp_only_layers": [], "rope_scaling": {"mrope_section": [12, 10, 10], "rope_type": "default"}}  # fmt: skip
    config = {"architectures": ["Qwen3VLMoeForConditionalGeneration"], "model_type": "qwen3_vl_moe",
              "text_config": text, "vision_config": {"model_type": "qwen3_vl_moe", **TOWER},
              "tie_word_embeddings": False}  # fmt: skip
    modules, others = _around("model.language_model")
    for number in range(LAYERS):
        at = f"model.language_model.layers.{number}"
        modules |= gqa(f"{at}.self_attn", HIDDEN, 8, 4, 64) | {f"{at}.mlp.gate": (4, HIDDEN)}
        modules |= experts(f"{at}.mlp.experts", 4, HIDDEN, 256)
        others |= norms(at, HIDDEN) | {f"{at}.self_attn.{p}_norm.weight": (64,) for p in "qk"}
    tower, others_of_tower = vision_tower()
    return Made(config, modules | tower, others | others_of_tower, dynamic, {"model_quant_type": "W8A8_DYNAMIC"})


def _with_draft() -> Made:
    """A mixture of experts with a layer for multi-token prediction behind the last."""
    config = {**AROUND, **HEADS, "architectures": ["Glm4MoeForCausalLM"], "model_type": "glm4_moe",
              "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 256,
              "intermediate_size": 512, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
              "routed_scaling_factor": 1.0, "norm_topk_prob": True, "use_qk_norm": True, "partial_rotary_factor": 0.5,
              "num_nextn_predict_layers": 1}  # fmt: skip
    modules, others = _around()
    for number in range(LAYERS + 1):
        at = f"model.layers.{number}"
        modules |= gqa(f"{at}.self_attn", HIDDEN, 8, 4, 64)
        others |= norms(at, HIDDEN) | {f"{at}.self_attn.{p}_norm.weight": (64,) for p in "qk"}
        if number:
            modules |= experts(f"{at}.mlp.experts", 4, HIDDEN, 256) | {f"{at}.mlp.gate": (4, HIDDEN)}
            modules |= mlp(f"{at}.mlp.shared_experts", HIDDEN, 256)
            others |= {f"{at}.mlp.gate.e_score_correction_bias": (4,)}
        else:
            modules |= mlp(f"{at}.mlp", HIDDEN, 512)
    modules |= {f"{at}.eh_proj": (HIDDEN, 2 * HIDDEN), f"{at}.shared_head.head": (VOCABULARY, HIDDEN)}
    others |= {f"{at}.{name}.weight": (HIDDEN,) for name in ("enorm", "hnorm", "shared_head.norm")}
    others |= {f"{at}.embed_tokens.weight": (VOCABULARY, HIDDEN)}
    return Made(config, modules, others, dynamic, {"model_quant_type": "W8A8_DYNAMIC"})


def _is_draft(name: str) -> bool:
    return f".layers.{LAYERS}." in name


def draft_plain() -> Made:
    """Its layer for multi-token prediction is plain, and not described."""
    return _with_draft().changed(
        word=lambda name: "FLOAT" if _is_draft(name) else dynamic(name), left_out=_is_draft
    )  # fmt: skip


def draft_described() -> Made:
    """Its layer for multi-token prediction is quantised as the others are, and described."""
    return _with_draft()


def per_shard() -> Made:
    """Descriptions by shard."""
    return moe().changed(shards=2)


REAL_SHAPES = {
    "dense W8A8": dense, "MoE W8A8 dynamic": moe, "W4A8": w4a8, "MLA": latent, "vision-language with prefix": vision,
    "MTP plain": draft_plain, "MTP described": draft_described, "per-shard descriptions": per_shard,
}  # fmt: skip
