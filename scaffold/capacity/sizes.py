"""The sizes of a model that capacity depends on, from its config; a size that is not there is None, never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.vocabulary.lookup import at, key_of, spellings

ROLES = (
    *("num_layers", "num_heads", "num_kv_heads", "hidden_size", "head_dim", "num_experts", "kv_lora_rank"),
    *("qk_rope_head_dim", "sliding_window"),
)
"""What capacity asks the vocabulary for."""
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
    found = {role: key_of(role, config) for role in ROLES}
    values = {role: at(config, key) if key else None for role, key in found.items()}
    found["num_kv_heads"], values["num_kv_heads"] = _kv_heads(config, found["num_kv_heads"], values["num_kv_heads"])
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
        layers=_layers(config, num_layers, found["sliding_window"], values["sliding_window"]),
        window=_whole(_first(values["sliding_window"])),
    )


def _kv_heads(config: Mapping[str, Any], key: str | None, value: Any) -> tuple[str | None, Any]:
    """Return key and number of KV heads, after the switches that decide whether the number counts.

    transformers: ``FalconConfig`` and ``GPTBigCodeConfig`` (``multi_query``); ChatGLM's ``multi_query_attention``.
    """
    if config.get("multi_query") is True and config.get("new_decoder_architecture") is not True:
        return "multi_query", 1
    if config.get("multi_query_attention") is False:
        return None, None
    return key, value


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


def _layers(
    config: Mapping[str, Any], num_layers: int | None, window_key: str | None, window: Any
) -> tuple[str, ...] | None:
    if num_layers is None:
        return None
    types = config.get("layer_types")
    if isinstance(types, list):
        kinds = tuple(LAYER_TYPES.get(kind, "") for kind in types)
        return kinds if len(kinds) == num_layers and all(kinds) else None
    if _whole(_first(window)) is None or config.get("use_sliding_window") is False:
        return (FULL,) * num_layers
    which = (*spellings("window_period"), *spellings("first_window_layer"))
    if window_key != spellings("sliding_window")[0] or any(key in config for key in which):
        return None  # which layers slide is a matter of the modeling source
    return (SLIDING,) * num_layers
