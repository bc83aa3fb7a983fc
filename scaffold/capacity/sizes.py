"""The sizes of a model that capacity depends on, from its config; a size that is not there is None, never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEYS: Mapping[str, tuple[str, ...]] = {
    "num_layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "num_heads": ("num_attention_heads", "n_head", "num_heads", "n_heads"),
    "num_kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv"),
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "head_dim": ("head_dim", "attention_head_dim"),
    "num_experts": ("n_routed_experts", "num_local_experts", "num_experts"),
    "kv_lora_rank": ("kv_lora_rank",),
    "qk_rope_head_dim": ("qk_rope_head_dim",),
    "sliding_window": ("sliding_window",),
}
FULL, SLIDING, LINEAR = "full", "sliding", "linear"
LAYER_TYPES = {
    "full_attention": FULL, "attention": FULL, "sliding_attention": SLIDING, "chunked_attention": SLIDING,
    "linear_attention": LINEAR, "conv": LINEAR, "mamba": LINEAR, "recurrent": LINEAR,
}  # fmt: skip
"""``layer_types`` of transformers (configuration_utils.py, ALLOWED_LAYER_TYPES) → what a layer keeps per token."""


@dataclass(frozen=True)
class Sizes:
    """Sizes by config key. Lists are per layer.

    Attributes:
        keys: role → the config key that it came from.
        layers: what each layer keeps: ``full``, ``sliding`` or ``linear``; None if the config does not tell.
        window: tokens of a sliding layer.
    """

    keys: Mapping[str, str]
    num_layers: int | None
    num_heads: int | None
    kv_heads: tuple[int, ...] | None
    head_dim: int | None
    num_experts: int | None
    latent: int | None
    layers: tuple[str, ...] | None
    window: int | None


def sizes_of(config: Mapping[str, Any]) -> Sizes:
    """Return the sizes of a language model from its (text) config, whose types have been checked."""
    found = {role: next((k for k in keys if config.get(k) is not None), None) for role, keys in KEYS.items()}
    values = {role: config[key] if key else None for role, key in found.items()}
    num_layers = _whole(values["num_layers"])
    heads = _whole(_first(values["num_heads"]))
    head_dim = _whole(_first(values["head_dim"]))
    hidden = _whole(values["hidden_size"])
    if head_dim is None and hidden and heads and hidden % heads == 0:
        head_dim = hidden // heads
    rank, rope = _whole(values["kv_lora_rank"]), _whole(values["qk_rope_head_dim"])
    return Sizes(
        keys={role: key for role, key in found.items() if key},
        num_layers=num_layers,
        num_heads=heads,
        kv_heads=_per_layer(values["num_kv_heads"], num_layers, heads),
        head_dim=head_dim,
        num_experts=_whole(_first(values["num_experts"])),
        latent=rank + rope if rank and rope else None,
        layers=_layers(config, num_layers),
        window=_whole(_first(values["sliding_window"])),
    )


def _whole(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _first(value: Any) -> Any:
    return max((v for v in value if type(v) is int), default=None) if isinstance(value, list) else value


def _per_layer(value: Any, num_layers: int | None, otherwise: int | None) -> tuple[int, ...] | None:
    if num_layers is None:
        return None
    if isinstance(value, list):
        return tuple(v or 0 for v in value) if len(value) == num_layers else None
    one = _whole(value) or otherwise
    return None if one is None else (one,) * num_layers


def _layers(config: Mapping[str, Any], num_layers: int | None) -> tuple[str, ...] | None:
    if num_layers is None:
        return None
    types = config.get("layer_types")
    if isinstance(types, list):
        kinds = tuple(LAYER_TYPES.get(kind, "") for kind in types)
        return kinds if len(kinds) == num_layers and all(kinds) else None
    window = _whole(_first(config.get("sliding_window")))
    if window is None or config.get("use_sliding_window") is False:
        return (FULL,) * num_layers
    if "sliding_window_pattern" in config or "max_window_layers" in config:
        return None  # which layers slide is a matter of the modeling source
    return (SLIDING,) * num_layers
