"""Further shapes of ModelSlim checkpoints as they are published, most with layers for multi-token prediction."""

from __future__ import annotations

from typing import Any

from tests.modelslim.made import Made, Modules, experts, gqa, mla, mlp, norms
from tests.modelslim.real_shapes import (
    AROUND,
    HEADS,
    HIDDEN,
    LAYERS,
    TOWER,
    VOCABULARY,
    Others,
    _around,
    dynamic,
    four_bits,
    vision_tower,
)

PLAIN = ("lm_head", ".gate", "eh_proj", "shared_head.head", "shared_expert_gate", "mtp.fc", "mtp_linear_proj.0",
         "in_proj_ba", "weights_proj", "shared_head.output", "router", "mtp_emb_norm", "input_proj")  # fmt: skip
LATENT = {"num_attention_heads": 8, "num_key_value_heads": 8, "q_lora_rank": 64, "kv_lora_rank": 64,
          "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32, "intermediate_size": 512,
          "moe_intermediate_size": 128, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2,
          "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_group": 1, "topk_group": 1, "rope_theta": 1e4,
          "routed_scaling_factor": 1.0, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
          "norm_topk_prob": True}  # fmt: skip


def word(name: str) -> str:
    """Return W8A8_DYNAMIC for all that is usually quantised."""
    return "FLOAT" if name.endswith(PLAIN) else dynamic(name)


def mixed_bits(name: str) -> str:
    """Return four bits for the experts, and eight for all else."""
    return "FLOAT" if name.endswith(PLAIN) else four_bits(name)


def _draft_around(at: str) -> tuple[Modules, Others]:
    modules = {f"{at}.eh_proj": (HIDDEN, 2 * HIDDEN), f"{at}.shared_head.head": (VOCABULARY, HIDDEN)}
    others: Others = {f"{at}.{name}.weight": (HIDDEN,) for name in ("enorm", "hnorm", "shared_head.norm")}
    return modules, others | {f"{at}.embed_tokens.weight": (VOCABULARY, HIDDEN)}


def _latent_layer(at: str, config: dict[str, Any], dense: bool) -> tuple[Modules, Others]:
    modules, others = mla(f"{at}.self_attn", config), norms(at, HIDDEN)
    others |= {f"{at}.self_attn.{name}_layernorm.weight": (64,) for name in ("q_a", "kv_a")}
    if dense:
        return modules | mlp(f"{at}.mlp", HIDDEN, 512), others
    modules |= experts(f"{at}.mlp.experts", 4, HIDDEN, 128) | {f"{at}.mlp.gate": (4, HIDDEN)}
    modules |= mlp(f"{at}.mlp.shared_experts", HIDDEN, 128)
    return modules, others | {f"{at}.mlp.gate.e_score_correction_bias": (4,)}


def _latent(architecture: str, model_type: str, drafts: int, how: Any = word, **more: Any) -> Made:
    settings = more.pop("settings", {"model_quant_type": "W8A8_DYNAMIC"})
    config = {**AROUND, **LATENT, "architectures": [architecture], "model_type": model_type, **more}
    if drafts:
        config["num_nextn_predict_layers"] = drafts
    modules, others = _around()
    for number in range(LAYERS + drafts):
        at = f"model.layers.{number}"
        for whole, part in zip((modules, others), _latent_layer(at, config, dense=not number)):
            whole |= part  # type: ignore[operator]
        if "index_head_dim" in config:
            index = f"{at}.self_attn.indexer"
            modules |= {
                f"{index}.wq_b": (4 * 32, 64),
                f"{index}.wk": (32, HIDDEN),
                f"{index}.weights_proj": (4, HIDDEN),
            }
            others |= {f"{index}.k_norm.weight": (32,), f"{index}.k_norm.bias": (32,)}
        if number >= LAYERS:
            for whole, part in zip((modules, others), _draft_around(at)):
                whole |= part  # type: ignore[operator]
    return Made(config, modules, others, how, settings)


def deepseek_v3() -> Made:
    """DeepSeek V3.1, its layer for multi-token prediction described."""
    return _latent("DeepseekV3ForCausalLM", "deepseek_v3", 1)


def deepseek_v32() -> Made:
    """DeepSeek V3.2, which has an indexer, too."""
    sizes = {"index_n_heads": 4, "index_head_dim": 32, "index_topk": 64}
    return _latent("DeepseekV32ForCausalLM", "deepseek_v32", 1, **sizes)


def deepseek_w4a8() -> Made:
    """DeepSeek V3 with experts of four bits."""
    return _latent("DeepseekV3ForCausalLM", "deepseek_v3", 1, mixed_bits,
                   settings={"version": "1.0.0", "group_size": 0})  # fmt: skip


def kimi_k2() -> Made:
    """Kimi K2, without a draft."""
    return _latent("DeepseekV3ForCausalLM", "kimi_k2", 0, mixed_bits, settings={"version": "1.0.0", "group_size": 64})


def glm4_moe_lite() -> Made:
    """GLM-4.7 Flash: latent attention and a draft."""
    return _latent("Glm4MoeLiteForCausalLM", "glm4_moe_lite", 1)


def qwen3_vl() -> Made:
    """Qwen3-VL, dense, of which the tower is plain."""
    text = {**AROUND, **HEADS, "model_type": "qwen3_vl_text", "intermediate_size": 512,
            "rope_scaling": {"mrope_section": [12, 10, 10], "rope_type": "default"}}  # fmt: skip
    config = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl",
              "text_config": text, "vision_config": {"model_type": "qwen3_vl", **TOWER},
              "tie_word_embeddings": False}  # fmt: skip
    modules, others = _around("model.language_model")
    for number in range(LAYERS):
        at = f"model.language_model.layers.{number}"
        modules |= gqa(f"{at}.self_attn", HIDDEN, 8, 4, 64) | mlp(f"{at}.mlp", HIDDEN, 512)
        others |= norms(at, HIDDEN) | {f"{at}.self_attn.{p}_norm.weight": (64,) for p in "qk"}
    tower, others_of_tower = vision_tower()
    return Made(config, modules | tower, others | others_of_tower, word, {"model_quant_type": "W8A8_DYNAMIC"})


def qwen3_next() -> Made:
    """Qwen3-Next: linear attention and full attention by turns, and a draft under ``mtp``."""
    config = {**AROUND, **HEADS, "architectures": ["Qwen3NextForCausalLM"], "model_type": "qwen3_next",
              "layer_types": ["linear_attention", "full_attention"], "linear_conv_kernel_dim": 4,
              "linear_key_head_dim": 32, "linear_value_head_dim": 32, "linear_num_key_heads": 2,
              "linear_num_value_heads": 4, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 128,
              "shared_expert_intermediate_size": 128, "intermediate_size": 512, "decoder_sparse_step": 1,
              "mlp_only_layers": [], "norm_topk_prob": True, "partial_rotary_factor": 0.25,
              "num_nextn_predict_layers": 1, "attn_output_gate": True}  # fmt: skip
    modules, others = _around()
    for at, is_full in (("model.layers.0", False), ("model.layers.1", True), ("mtp.layers.0", True)):
        if is_full:
            attention = gqa(f"{at}.self_attn", HIDDEN, 8, 4, 64)
            modules |= attention | {f"{at}.self_attn.q_proj": (1024, HIDDEN)}
            others |= {f"{at}.self_attn.{p}_norm.weight": (64,) for p in "qk"}
        else:
            modules |= {f"{at}.linear_attn.in_proj_qkvz": (384, HIDDEN), f"{at}.linear_attn.in_proj_ba": (8, HIDDEN),
                        f"{at}.linear_attn.out_proj": (HIDDEN, 128)}  # fmt: skip
            others |= {f"{at}.linear_attn.conv1d.weight": (256, 1, 4), f"{at}.linear_attn.A_log": (4,),
                       f"{at}.linear_attn.dt_bias": (4,), f"{at}.linear_attn.norm.weight": (32,)}  # fmt: skip
        modules |= experts(f"{at}.mlp.experts", 4, HIDDEN, 128) | {f"{at}.mlp.gate": (4, HIDDEN)}
        modules |= mlp(f"{at}.mlp.shared_expert", HIDDEN, 128) | {f"{at}.mlp.shared_expert_gate": (1, HIDDEN)}
        others |= norms(at, HIDDEN)
    modules |= {"mtp.fc": (HIDDEN, 2 * HIDDEN)}
    others |= {f"mtp.{name}.weight": (HIDDEN,) for name in ("norm", "pre_fc_norm_embedding", "pre_fc_norm_hidden")}
    return Made(config, modules, others, word, {"model_quant_type": "W8A8_DYNAMIC"})


def minimax_m2() -> Made:
    """MiniMax M2, whose experts lie under another name than vLLM's."""
    config = {**AROUND, **HEADS, "architectures": ["MiniMaxM2ForCausalLM"], "model_type": "minimax_m2",
              "num_local_experts": 4, "num_experts_per_tok": 2, "intermediate_size": 256, "rotary_dim": 32,
              "scoring_func": "sigmoid", "use_routing_bias": True, "num_mtp_modules": 3}  # fmt: skip
    modules, others = _around()
    for number in range(LAYERS):
        at = f"model.layers.{number}"
        modules |= gqa(f"{at}.self_attn", HIDDEN, 8, 4, 64) | {f"{at}.block_sparse_moe.gate": (4, HIDDEN)}
        for expert in range(4):
            one = f"{at}.block_sparse_moe.experts.{expert}"
            modules |= {f"{one}.w1": (256, HIDDEN), f"{one}.w2": (HIDDEN, 256), f"{one}.w3": (256, HIDDEN)}
        others |= norms(at, HIDDEN) | {f"{at}.block_sparse_moe.e_score_correction_bias": (4,),
                                       f"{at}.self_attn.q_norm.weight": (512,),
                                       f"{at}.self_attn.k_norm.weight": (256,)}  # fmt: skip
    return Made(config, modules, others, word, {"model_quant_type": "W8A8_DYNAMIC"})


def ernie() -> Made:
    """ERNIE 4.5, whose draft lies under names and a number of its own."""
    config = {**AROUND, **HEADS, "architectures": ["Ernie4_5_MoeForCausalLM"], "model_type": "ernie4_5_moe",
              "moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 128, "moe_num_shared_experts": 1,
              "intermediate_size": 512, "moe_layer_start_index": 1, "moe_layer_end_index": 1, "moe_layer_interval": 1,
              "num_nextn_predict_layers": 1, "use_bias": False}  # fmt: skip
    modules, others = _around()
    for number in range(LAYERS):
        at = f"model.layers.{number}"
        modules |= gqa(f"{at}.self_attn", HIDDEN, 8, 4, 64)
        others |= norms(at, HIDDEN)
        if number:
            modules |= experts(f"{at}.mlp.experts", 4, HIDDEN, 128) | {f"{at}.mlp.gate": (4, HIDDEN)}
            modules |= mlp(f"{at}.mlp.shared_experts", HIDDEN, 128)
            others |= {f"{at}.mlp.moe_statics.e_score_correction_bias": (1, 4)}
        else:
            modules |= mlp(f"{at}.mlp", HIDDEN, 512)
    at = "model.mtp_block.0"
    modules |= gqa(f"{at}.self_attn", HIDDEN, 8, 4, 64) | mlp(f"{at}.mlp", HIDDEN, 512)
    modules |= {"model.mtp_linear_proj.0": (HIDDEN, 2 * HIDDEN)}
    others |= norms(at, HIDDEN) | {f"model.mtp_{name}_norm.0.weight": (HIDDEN,) for name in ("emb", "hidden")}
    return Made(config, modules, others, word, {"model_quant_type": "W8A8_DYNAMIC"})


def step3p5() -> Made:
    """Step 3.5, whose draft is made with its own config, and whose experts lie in one tensor each."""
    config = {**AROUND, "architectures": ["Step3p5ForCausalLM"], "model_type": "step3p5", "att_impl_type": "GQA",
              "num_attention_heads": 8, "num_attention_groups": 4, "head_dim": 64, "rope_theta": 1e4,
              "intermediate_size": 512, "moe_num_experts": 4, "moe_top_k": 2, "moe_intermediate_size": 128,
              "share_expert_dim": 128, "moe_layers_enum": "1", "use_moe_router_bias": True, "need_fp32_gate": True,
              "moe_router_scaling_factor": 1.0, "moe_router_activation": "sigmoid", "norm_expert_weight": True,
              "layer_types": ["full_attention"] * 3, "attention_other_setting": None, "sliding_window": None,
              "swiglu_limits": [], "swiglu_limits_shared": [], "use_head_wise_attn_gate": True,
              "num_nextn_predict_layers": 1}  # fmt: skip
    modules, others = _around()
    for number in range(LAYERS + 1):
        at = f"model.layers.{number}"
        modules |= gqa(f"{at}.self_attn", HIDDEN, 8, 4, 64) | {f"{at}.self_attn.g_proj": (8, HIDDEN)}
        others |= norms(at, HIDDEN) | {f"{at}.self_attn.{p}_norm.weight": (64,) for p in "qk"}
        if number == 1:
            modules |= experts(f"{at}.moe.experts", 4, HIDDEN, 128) | {f"{at}.moe.gate": (4, HIDDEN)}
            modules |= mlp(f"{at}.share_expert", HIDDEN, 128)
            others |= {f"{at}.moe.router_bias": (4,)}
        else:
            modules |= mlp(f"{at}.mlp", HIDDEN, 512)
    modules |= {f"{at}.eh_proj": (HIDDEN, 2 * HIDDEN), f"{at}.transformer.shared_head.output": (VOCABULARY, HIDDEN)}
    others |= {f"{at}.{name}.weight": (HIDDEN,) for name in ("enorm", "hnorm", "transformer.shared_head.norm")}
    return Made(config, modules, others, word, {"model_quant_type": "W8A8_DYNAMIC"})


PUBLISHED = {
    "DeepSeek V3.1 MTP": deepseek_v3, "DeepSeek V3.2 MTP": deepseek_v32, "DeepSeek W4A8 MTP": deepseek_w4a8,
    "Kimi K2": kimi_k2, "GLM 4.7 Flash MTP": glm4_moe_lite, "Qwen3-VL": qwen3_vl, "Qwen3-Next MTP": qwen3_next,
    "MiniMax M2": minimax_m2, "ERNIE 4.5 MTP": ernie, "Step 3.5 MTP": step3p5,
}  # fmt: skip
