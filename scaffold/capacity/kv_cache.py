"""Bytes of KV cache: per token, and for a number of sequences of a length, per rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.capacity.sizes import FULL, SLIDING, Sizes

ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
DEFAULT_BYTES = 2
"""vLLM's ``--dtype auto`` serves in 16 bits what is not in 32, and the cache has the model's data type."""


@dataclass(frozen=True)
class KvCache:
    """What a model keeps per token.

    Attributes:
        per_token: bytes of one token in all layers, before ranks share it.
        arithmetic: how that was found.
        assumptions: what was taken for granted.
    """

    per_token: int
    arithmetic: str
    assumptions: tuple[str, ...]
    sizes: Sizes
    element_bytes: int

    def bytes_per_rank(self, tensor_parallel_size: int, tokens: int) -> int:
        """Return the bytes that one rank keeps of one sequence.

        Heads are shared by the ranks, and held twice where there are fewer of them than ranks; a latent (MLA) is held
        by every rank. A sliding layer keeps no more than its window.
        """
        sizes, total = self.sizes, 0
        assert sizes.layers is not None
        for layer, kind in enumerate(sizes.layers):
            if kind == FULL:
                kept = tokens
            elif kind == SLIDING:
                kept = min(tokens, sizes.window or tokens)
            else:
                continue
            total += kept * self._per_layer(layer, tensor_parallel_size)
        return total

    def _per_layer(self, layer: int, ranks: int) -> int:
        if self.sizes.latent is not None:
            return self.sizes.latent * self.element_bytes
        assert self.sizes.kv_heads is not None
        assert self.sizes.head_dim is not None
        heads = self.sizes.kv_heads[layer]
        return 2 * -(-heads // ranks) * self.sizes.head_dim * self.element_bytes


def kv_cache(sizes: Sizes, config: Mapping[str, Any]) -> KvCache | str:
    """Return what the model keeps per token, or what is missing to tell it."""
    if sizes.num_layers is None:
        return "the config has no number of layers"
    if sizes.layers is None:
        return "the config does not tell what each layer keeps"
    if sizes.latent is None and (sizes.kv_heads is None or sizes.head_dim is None):
        return "the config has no number of KV heads, or no head size"
    named = config.get("dtype", config.get("torch_dtype"))
    width = ELEMENT_BYTES.get(named, DEFAULT_BYTES) if isinstance(named, str) else DEFAULT_BYTES
    keeping = sum(1 for kind in sizes.layers if kind in (FULL, SLIDING))
    assumptions = [f"{width} bytes per element"]
    if "num_kv_heads" not in sizes.keys and sizes.latent is None:
        assumptions.append("as many KV heads as heads, as the config names none")
    if keeping < len(sizes.layers):
        assumptions.append(f"{len(sizes.layers) - keeping} layers keep a state of fixed size, which is not counted")
    sliding = sizes.layers.count(SLIDING)
    if sliding and sizes.window is None:
        assumptions.append(f"{sliding} sliding layers whose window the config does not tell keep all tokens")
    elif sliding:
        assumptions.append(f"{sliding} layers keep no more than {sizes.window:,} tokens")
    if sizes.latent is not None:
        per_token = keeping * sizes.latent * width
        arithmetic = f"{keeping} layers × {sizes.latent} (kv_lora_rank + qk_rope_head_dim) × {width} B"
        assumptions.append("every rank holds all of it (MLA)")
    else:
        assert sizes.kv_heads is not None
        assert sizes.head_dim is not None
        heads = [n for n, kind in zip(sizes.kv_heads, sizes.layers) if kind in (FULL, SLIDING)]
        per_token = sum(heads) * 2 * sizes.head_dim * width
        shown = f"{keeping} layers × {heads[0]}" if len(set(heads)) == 1 else f"{sum(heads)} KV heads in all layers"
        arithmetic = f"{shown} × {sizes.head_dim} × 2 (K, V) × {width} B"
    return KvCache(per_token, arithmetic, tuple(assumptions), sizes, width)
