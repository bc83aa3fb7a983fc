"""The sizes of a model that capacity depends on, from its config; a size that is not there is None, never a guess."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.capacity.layer_kinds import LayerKinds, layer_kinds
from scaffold.vocabulary.lookup import at, key_of, spellings

ROLES = (
    *("num_layers", "num_heads", "num_kv_heads", "hidden_size", "head_dim", "num_experts", "kv_lora_rank"),
    *("qk_rope_head_dim", "v_head_dim", "sliding_window", "index_head_dim"),
    *("swa_num_kv_heads", "swa_head_dim", "swa_v_head_dim", "global_num_kv_heads", "global_head_dim"),
)
"""What capacity asks the vocabulary for."""
OF_LATENTS = ("kv_lora_rank", "qk_rope_head_dim")
_OF_KV = re.compile(r"(?i)(^|_)(kv|key_value|query_group|multi_query)")


@dataclass(frozen=True)
class HeadSizes:
    """KV heads and the sizes of a head of k and of v in one kind of layer; None where the config has none."""

    kv_heads: int | None
    k: int | None
    v: int | None

    @property
    def is_own(self) -> bool:
        """Return whether this kind of layer has sizes of its own."""
        return (self.kv_heads, self.k, self.v) != (None, None, None)


@dataclass(frozen=True)
class Sizes:
    """Sizes by config key.

    Attributes:
        keys: role → the config key that it came from.
        kv_heads: a number for each layer; None if the config has none.
        sliding, everywhere: head sizes of layers with a window, and of those without, where they have some of their
            own; what is None there is as in the other layers.
        latent: elements of the latent and of k's rotated part (MLA).
        index_head_dim: size of a key of the indexer of sparse attention.
        kinds: what each layer keeps, or why that is not known.
        window: tokens of a sliding layer.
        says_of_kv: keys that speak of KV heads and are not understood.
    """

    keys: Mapping[str, str]
    num_layers: int | None
    num_heads: int | None
    kv_heads: tuple[int, ...] | None
    head_dim: int | None
    v_head_dim: int | None
    sliding: HeadSizes
    everywhere: HeadSizes
    num_experts: int | None
    latent: int | None
    index_head_dim: int | None
    kinds: LayerKinds | str
    window: int | None
    says_of_kv: tuple[str, ...]


def sizes_of(config: Mapping[str, Any], keeps_latents: bool = True) -> Sizes:
    """Return the sizes of a language model from its (text) config, whose types have been checked.

    Args:
        config: the text config.
        keeps_latents: whether keys of latents count: some configs have them for a switch that is off.
    """
    found = {role: key_of(role, config) for role in ROLES if keeps_latents or role not in OF_LATENTS}
    found = {role: found.get(role) for role in ROLES}
    values = {role: at(config, key) if key else None for role, key in found.items()}
    if config.get("attention_k_eq_v") is not True:
        values["global_num_kv_heads"] = None
    kinds = layer_kinds(config, _whole(values["num_layers"]))
    num_layers = _whole(values["num_layers"]) or (None if isinstance(kinds, str) else len(kinds.kinds))
    heads = _whole(_first(values["num_heads"]))
    head_dim = _whole(_first(values["head_dim"]))
    hidden = _whole(values["hidden_size"])
    if head_dim is None and hidden and heads and hidden % heads == 0:
        head_dim = hidden // heads
    found["num_kv_heads"], values["num_kv_heads"] = _kv_heads(
        config, found["num_kv_heads"], values["num_kv_heads"], heads
    )
    rank, rope = _whole(values["kv_lora_rank"]), _whole(values["qk_rope_head_dim"])
    return Sizes(
        keys={role: key for role, key in found.items() if key},
        num_layers=num_layers,
        num_heads=heads,
        kv_heads=_per_layer(values["num_kv_heads"], num_layers),
        head_dim=head_dim,
        v_head_dim=None if rank else _whole(_first(values["v_head_dim"])),
        sliding=HeadSizes(
            *(_whole(_first(values[f"swa_{role}"])) for role in ("num_kv_heads", "head_dim", "v_head_dim"))
        ),
        everywhere=HeadSizes(
            _whole(_first(values["global_num_kv_heads"])),
            *(_whole(_first(values["global_head_dim"])),) * 2,
        ),
        num_experts=_whole(_first(values["num_experts"])),
        latent=rank + rope if rank and rope else None,
        index_head_dim=_whole(values["index_head_dim"]),
        kinds=kinds,
        window=_whole(_first(values["sliding_window"])),
        says_of_kv=_says_of_kv(config),
    )


def _kv_heads(config: Mapping[str, Any], key: str | None, value: Any, num_heads: int | None) -> tuple[str | None, Any]:
    """Return key and number of KV heads, after the switches that decide whether the number counts.

    transformers: ``FalconConfig`` and ``GPTBigCodeConfig`` (``multi_query``); ChatGLM's ``multi_query_attention``;
    vLLM, nemotron_nas.py: ``block_configs``, whose blocks have a number of heads for each KV head.
    """
    if config.get("multi_query") is True and config.get("new_decoder_architecture") is not True:
        return "multi_query", 1
    if config.get("multi_query_attention") is False:
        return "multi_query_attention", num_heads
    blocks = config.get("block_configs")
    if key is None and isinstance(blocks, list):
        return "block_configs", [_of_block(block, num_heads) for block in blocks]
    return key, value


def _of_block(block: Any, num_heads: int | None) -> int | None:
    attention = block.get("attention") if isinstance(block, Mapping) else None
    if not isinstance(attention, Mapping):
        return None
    if attention.get("no_op") or attention.get("replace_with_linear"):
        return 0
    group = _whole(attention.get("n_heads_in_group"))
    return _whole(attention.get("num_key_value_heads")) or (num_heads // group if num_heads and group else None)


def _says_of_kv(config: Mapping[str, Any]) -> tuple[str, ...]:
    known = {key for role in ("kv_lora_rank", "head_dim", "num_kv_heads") for key in spellings(role)}
    return tuple(
        key
        for key, value in config.items()
        if key not in known and type(value) is int and value > 0 and _OF_KV.search(key)
    )


def _whole(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _first(value: Any) -> Any:
    return max((v for v in value if type(v) is int), default=None) if isinstance(value, list) else value


def _per_layer(value: Any, num_layers: int | None) -> tuple[int, ...] | None:
    if num_layers is None:
        return None
    if isinstance(value, list):
        if len(value) != num_layers or not all(v is None or type(v) is int for v in value):
            return None
        return tuple(v or 0 for v in value)
    one = _whole(value)
    return None if one is None else (one,) * num_layers
