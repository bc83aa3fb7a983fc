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
    """A size: its role, the keys it goes by (most usual first), and its value in a probe."""

    role: str
    keys: tuple[str, ...]
    probe: int


SIZES = (
    Size("num_heads", ("num_attention_heads", "n_head", "num_heads", "n_heads"), 12),
    Size("num_kv_heads", ("num_key_value_heads", "num_kv_heads", "n_head_kv"), 3),
    Size("head_dim", ("head_dim", "attention_head_dim", "kv_channels"), 24),
    Size("v_head_dim", ("v_head_dim",), 20),
    Size("qk_nope_head_dim", ("qk_nope_head_dim",), 14),
    Size("qk_rope_head_dim", ("qk_rope_head_dim",), 8),
    Size("q_lora_rank", ("q_lora_rank",), 46),
    Size("kv_lora_rank", ("kv_lora_rank",), 38),
    Size("intermediate_size", ("intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner", "dff"), 104),
    Size("intermediate_size_mlp", ("intermediate_size_mlp", "dense_intermediate_size"), 92),
    Size("moe_intermediate_size", ("moe_intermediate_size", "expert_ffn_hidden_size"), 40),
    Size("shared_expert_intermediate_size", ("shared_expert_intermediate_size", "shared_intermediate_size"), 56),
    Size("vocab_size", ("vocab_size",), 131),
    Size("num_experts", ("n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts"), 16),
    Size("top_k", ("num_experts_per_tok", "num_experts_per_token", "moe_top_k", "moe_topk", "moe_k", "top_k"), 5),
    Size("num_groups", ("n_group", "num_expert_group"), 4),
    Size("topk_group", ("topk_group",), 2),
    Size("num_shared_experts", ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts"), 9),
    Size("sliding_window", ("sliding_window", "window_size"), 7),
    Size("attention_chunk_size", ("attention_chunk_size",), 6),
    Size("max_position_embeddings", ("max_position_embeddings", "n_positions", "max_seq_len"), 64),
    Size("rotary_dim", ("rotary_dim",), 16),
    Size("floor_scale", ("floor_scale",), 2),
)
HIDDEN = ("hidden_size", "n_embd", "d_model")
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
PROBE_HIDDEN_SIZE = 152
"""Where the model has a head size of its own; else heads × head size of the probe, 288."""
SWA = {"swa_num_attention_heads": 26, "swa_num_key_value_heads": 13, "swa_head_dim": 28, "swa_v_head_dim": 22}
"""Sizes of a second kind of attention layers."""
FACTORS = 1.09375
"""What a probe multiplies a number by that scales something, so that 1 does not hide that it is used."""
FIXED_FLOATS = (
    *("dropout", "initializer", "init_", "_std", "_coef", "jitter", "layerdrop", "pdrop"),
    *("rotary", "partial", "rope", "ratio", "prob", "fraction"),
)
"""Parts of keys of numbers that inference does not use, or that sizes are computed from."""
LIMITS = ("clip_", "_clip", "clamp", "swiglu_limit")
LIMIT = 0.71
"""A limit on values that a probe's values reach, so that it shows."""
SCALARS = {"query_pre_attn_scalar": 19, "scale_emb": 7, "dim_model_base": 53, "scale_depth": 1.7}
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


def shrink(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config at the sizes of a probe. All that is no size stays, the number of layers too.

    Relations that source relies on are kept: hidden = heads × head size where it held, one KV head or as many as
    heads where it was so, experts a multiple of groups, one group where there was one.
    """
    small = dict(config)
    keys = {size.role: key_for(size.role, config) for size in SIZES}
    for size in SIZES:
        key = keys[size.role]
        if key is not None and type(config[key]) is not bool and isinstance(config[key], (int, float)):
            small[key] = size.probe
    hidden = key_for("hidden_size", config)
    if hidden is not None:
        small[hidden] = _hidden_size(config, keys, hidden)
    _keep_kv_heads(config, small, keys)
    for key in (keys["num_groups"], keys["topk_group"]):
        if key is not None and config[keys["num_groups"] or key] in (0, 1):
            small[key] = config[key]
    if keys["head_dim"] and keys["qk_rope_head_dim"] and config[keys["head_dim"]] == config["qk_rope_head_dim"]:
        small[keys["head_dim"]] = small["qk_rope_head_dim"]
    for key, value in SWA.items():
        if key in config and config[key] is not None:
            small[key] = value
    for key, value in config.items():
        if isinstance(value, float) and not any(part in key for part in FIXED_FLOATS):
            small[key] = value * (FACTORS + 0.001 * (sum(map(ord, key)) % 89))
        if key in SCALARS and value is not None:
            small[key] = SCALARS[key]
    for key in config:
        if any(part in key for part in LIMITS) and isinstance(config[key], (int, float)) and config[key]:
            small[key] = LIMIT
    rope = config.get("rope_parameters")
    if isinstance(rope, Mapping) and rope.get("llama_4_scaling_beta") is not None:
        small["rope_parameters"] = {**rope, "original_max_position_embeddings": 5}
    small["max_window_layers"] = config.get("max_window_layers")
    if small["max_window_layers"] is None:
        small.pop("max_window_layers")
    return small


def _keep_kv_heads(config: Mapping[str, Any], small: dict[str, Any], keys: Mapping[str, str | None]) -> None:
    heads, kv_heads = keys["num_heads"], keys["num_kv_heads"]
    if heads is None or kv_heads is None:
        return
    if config[kv_heads] == config[heads] and keys["kv_lora_rank"]:
        small[kv_heads] = small[heads]
    if config[kv_heads] == 1 and config.get("multi_query"):
        small[kv_heads] = 1


def _hidden_size(config: Mapping[str, Any], keys: Mapping[str, str | None], hidden: str) -> int:
    probe = {size.role: size.probe for size in SIZES}
    heads, head_dim = keys["num_heads"], keys["head_dim"]
    if heads is not None and (head_dim is None or config[heads] * config[head_dim] == config[hidden]):
        return probe["num_heads"] * probe["head_dim"]
    return PROBE_HIDDEN_SIZE
