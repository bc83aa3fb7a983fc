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
    Size("num_heads", ("num_attention_heads", "n_head", "num_heads", "n_heads"), 6),
    Size("num_kv_heads", ("num_key_value_heads", "num_kv_heads", "n_head_kv"), 2),
    Size("head_dim", ("head_dim", "attention_head_dim"), 16),
    Size("intermediate_size", ("intermediate_size", "ffn_hidden_size", "n_inner"), 112),
    Size("moe_intermediate_size", ("moe_intermediate_size", "expert_ffn_hidden_size"), 40),
    Size("vocab_size", ("vocab_size",), 131),
    Size("num_layers", ("num_hidden_layers", "n_layer", "num_layers", "n_layers"), 2),
    Size("num_experts", ("n_routed_experts", "num_experts", "num_local_experts"), 24),
    Size("top_k", ("num_experts_per_tok", "num_experts_per_token", "moe_top_k"), 5),
    Size("num_groups", ("n_group", "num_expert_group"), 8),
    Size("topk_group", ("topk_group",), 4),
    Size("num_shared_experts", ("n_shared_experts", "num_shared_experts"), 3),
    Size("sliding_window", ("sliding_window",), 7),
    Size("max_position_embeddings", ("max_position_embeddings", "n_positions"), 64),
)
HIDDEN = ("hidden_size", "n_embd", "d_model")
PROBE_HIDDEN_SIZE = 80
"""Where the model has a head size of its own; else heads × head size of the probe, 96."""


def key_for(role: str, config: Mapping[str, Any]) -> str | None:
    """Return the key under which this config keeps a size, or None."""
    keys = HIDDEN if role == "hidden_size" else next(s.keys for s in SIZES if s.role == role)
    return next((key for key in keys if config.get(key) is not None), None)


def shrink(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config at the sizes of a probe. All that is no size stays.

    Relations that source relies on are kept: hidden = heads × head size where it held, experts a multiple of
    groups, one group where there was one, per-layer lists as long as there are layers, no rope scaling (vLLM's
    ``get_rope`` takes that from the same config keys).
    """
    small = dict(config)
    keys = {size.role: key_for(size.role, config) for size in SIZES}
    for size in SIZES:
        key = keys[size.role]
        if key is not None:
            small[key] = size.probe
    hidden = key_for("hidden_size", config)
    if hidden is not None:
        small[hidden] = _hidden_size(config, keys, hidden)
    for key in (keys["num_groups"], keys["topk_group"]):
        if key is not None and config[keys["num_groups"] or key] == 1:
            small[key] = 1
    layers = keys["num_layers"]
    if layers is not None:
        _shrink_layers(config, small, layers)
    rope = config.get("rope_parameters")
    if isinstance(rope, Mapping) and "rope_theta" in rope:
        small["rope_parameters"] = {k: v for k, v in rope.items() if k in ("rope_theta", "partial_rotary_factor")} | {
            "rope_type": "default"
        }
    small.pop("rope_scaling", None)
    return small


def _hidden_size(config: Mapping[str, Any], keys: Mapping[str, str | None], hidden: str) -> int:
    probe = {size.role: size.probe for size in SIZES}
    heads, head_dim = keys["num_heads"], keys["head_dim"]
    if heads is None or head_dim is None or config[heads] * config[head_dim] == config[hidden]:
        return probe["num_heads"] * probe["head_dim"]
    return PROBE_HIDDEN_SIZE


def _shrink_layers(config: Mapping[str, Any], small: dict[str, Any], layers: str) -> None:
    count = config[layers]
    for key, value in config.items():
        if isinstance(value, list) and len(value) == count:
            kinds = sorted({str(v): i for i, v in reversed(list(enumerate(value)))}.values())
            small[key] = ([value[i] for i in kinds] + value)[: max(small[layers], len(kinds))]
            small[layers] = max(small[layers], len(kinds))
