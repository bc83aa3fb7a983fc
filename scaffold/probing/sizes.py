"""The sizes of a model: under which keys configs keep them, and what a probe sets them to.

One table serves both directions. A probe runs the modeling source at small sizes which all differ, so that a size
seen in the probe names the key it came from. Adding a spelling is adding a word to a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Size:
    """A size: its role, the keys it goes by (most usual first), and its values in the two probes."""

    role: str
    keys: tuple[str, ...]
    probe: tuple[int, int]


SIZES = (
    Size("num_heads", ("num_attention_heads", "n_head", "num_heads", "n_heads", "attention_heads"), (12, 16)),
    Size("num_kv_heads", ("num_key_value_heads", "num_kv_heads", "n_head_kv"), (3, 2)),
    Size("head_dim", ("head_dim", "attention_head_dim", "kv_channels"), (24, 32)),
    Size("v_head_dim", ("v_head_dim",), (20, 26)),
    Size("qk_nope_head_dim", ("qk_nope_head_dim",), (14, 18)),
    Size("qk_rope_head_dim", ("qk_rope_head_dim",), (8, 12)),
    Size("q_lora_rank", ("q_lora_rank",), (46, 58)),
    Size("kv_lora_rank", ("kv_lora_rank",), (38, 42)),
    Size("intermediate_size", ("intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner", "dff"), (104, 122)),
    Size("intermediate_size_mlp", ("intermediate_size_mlp", "dense_intermediate_size"), (92, 86)),
    Size("moe_intermediate_size", ("moe_intermediate_size", "expert_ffn_hidden_size"), (40, 44)),
    Size("shared_expert_intermediate_size", ("shared_expert_intermediate_size", "shared_intermediate_size"), (56, 62)),
    Size("vocab_size", ("vocab_size",), (131, 139)),
    Size("num_experts", ("n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts"), (16, 24)),
    Size("top_k", ("num_experts_per_tok", "num_experts_per_token", "moe_top_k", "moe_topk", "moe_k", "top_k"), (5, 7)),
    Size("num_groups", ("n_group", "num_expert_group"), (4, 6)),
    Size("topk_group", ("topk_group",), (2, 3)),
    Size("num_shared_experts", ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts"), (9, 8)),
    Size("sliding_window", ("sliding_window", "window_size"), (7, 9)),
    Size("attention_chunk_size", ("attention_chunk_size",), (6, 4)),
    Size("max_position_embeddings", ("max_position_embeddings", "n_positions", "max_seq_len"), (64, 74)),
    Size("rotary_dim", ("rotary_dim",), (16, 14)),
    Size("floor_scale", ("floor_scale",), (2, 4)),
)
HIDDEN = ("hidden_size", "n_embd", "d_model")
SAME_AS_HIDDEN = ("word_embed_proj_dim",)
"""Sizes that are usually the hidden size; another value means a projection more."""
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
PROBE_HIDDEN_SIZE = (152, 166)
"""Where the model has a head size of its own; else heads × head size of the probe, 288."""
SWA = {
    "swa_num_attention_heads": (26, 34),
    "swa_num_key_value_heads": (13, 17),
    "swa_head_dim": (32, 30),
    "swa_v_head_dim": (22, 16),
}
"""Sizes of a second kind of attention layers."""
FACTORS = (1.09375, 1.21875)
"""What a probe multiplies a number by that scales something, so that 1 does not hide that it is used."""
FIXED_FLOATS = (
    *("dropout", "initializer", "init_", "_std", "_coef", "jitter", "layerdrop", "pdrop"),
    *("rotary", "partial", "rope", "ratio", "prob", "fraction"),
)
"""Parts of keys of numbers that inference does not use, or that sizes are computed from."""
LIMITS = ("clip_", "_clip", "clamp", "swiglu_limit")
LIMIT = (0.71, 0.83)
"""A limit on values that a probe's values reach, so that it shows."""
SCALARS = {
    "query_pre_attn_scalar": (19, 23),
    "scale_emb": (6.5, 5.5),
    "dim_model_base": (53, 47),
    "scale_depth": (1.7, 1.9),
}
"""Whole numbers that scale something."""


def key_for(role: str, config: Mapping[str, Any]) -> str | None:
    """Return the key under which this config keeps a size, or None."""
    if role == "hidden_size":
        keys: tuple[str, ...] = HIDDEN
    elif role == "num_layers":
        keys = LAYERS
    else:
        keys = next(s.keys for s in SIZES if s.role == role)
    return next((key for key in keys if config.get(key) is not None), None)


def shrink(config: Mapping[str, Any], which: int = 0) -> dict[str, Any]:
    """Return the config at the sizes of a probe, the first or the second. All that is no size stays, layers too.

    Relations that source relies on are kept: hidden = heads × head size where it held, one KV head or as many as
    heads where it was so, experts a multiple of groups, one group where there was one.
    """
    small = dict(config)
    keys = {size.role: key_for(size.role, config) for size in SIZES}
    for size in SIZES:
        key = keys[size.role]
        if key is not None and type(config[key]) is not bool and isinstance(config[key], (int, float)):
            small[key] = size.probe[which]
    small |= {key: value[which] for key, value in SWA.items() if config.get(key) is not None}
    hidden = key_for("hidden_size", config)
    if hidden is not None:
        small[hidden] = _hidden_size(config, keys, hidden, which)
        small |= {key: small[hidden] for key in SAME_AS_HIDDEN if config.get(key) == config[hidden]}
    _keep_kv_heads(config, small, keys)
    _keep_groups(config, small, keys)
    for key, value in config.items():
        small[key] = _factor(key, value, small[key], which)
    if {"qk_head_dim", "qk_nope_head_dim", "qk_rope_head_dim"} <= config.keys():
        small["qk_head_dim"] = small["qk_nope_head_dim"] + small["qk_rope_head_dim"]
    rope = config.get("rope_parameters")
    if isinstance(rope, Mapping) and rope.get("llama_4_scaling_beta") is not None:
        small["rope_parameters"] = {**rope, "original_max_position_embeddings": (5, 3)[which]}
    return small


def _factor(key: str, value: Any, small: Any, which: int) -> Any:
    """Return what a probe has for a number that scales or limits something; any other value as it is."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return small
    if key in SCALARS:
        return SCALARS[key][which]
    if value and any(part in key for part in LIMITS):
        return LIMIT[which]
    if isinstance(value, float) and not any(part in key for part in FIXED_FLOATS):
        return value * (FACTORS[which] + 0.001 * (sum(map(ord, key)) % 89))
    return small


def _keep_groups(config: Mapping[str, Any], small: dict[str, Any], keys: Mapping[str, str | None]) -> None:
    for key in (keys["num_groups"], keys["topk_group"]):
        if key is not None and config[keys["num_groups"] or key] in (0, 1):
            small[key] = config[key]


def _keep_kv_heads(config: Mapping[str, Any], small: dict[str, Any], keys: Mapping[str, str | None]) -> None:
    heads, kv_heads, head_dim = keys["num_heads"], keys["num_kv_heads"], keys["head_dim"]
    if head_dim and keys["qk_rope_head_dim"] and config[head_dim] == config["qk_rope_head_dim"]:
        small[head_dim] = small["qk_rope_head_dim"]
    if heads is None or kv_heads is None:
        return
    if config[kv_heads] == config[heads] and (keys["kv_lora_rank"] or "multi_query" in config):
        small[kv_heads] = small[heads]
    if config[kv_heads] == 1 and config.get("multi_query"):
        small[kv_heads] = 1


def _hidden_size(config: Mapping[str, Any], keys: Mapping[str, str | None], hidden: str, which: int) -> int:
    probe = {size.role: size.probe[which] for size in SIZES}
    heads, head_dim = keys["num_heads"], keys["head_dim"]
    if heads is not None and (head_dim is None or config[heads] * config[head_dim] == config[hidden]):
        return probe["num_heads"] * probe["head_dim"]
    return PROBE_HIDDEN_SIZE[which]
