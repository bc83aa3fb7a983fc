"""Bytes of weights per rank from names and shapes alone, where there is no weight map; its assumptions are stated.

What the names mean follows the layers of vLLM: column- and row-parallel linears and vocabularies are shared by the
ranks, norms, biases and routers are held by each, and so are the projections to a latent
(vllm/model_executor/models/deepseek_v2.py: ReplicatedLinear).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scaffold.capacity.sizes import Sizes
from scaffold.checkpoint.patterns import NUMBER, Pattern

ASSUMPTIONS = (
    "matrices are shared evenly by the ranks; vectors, routers and projections to a latent are held by each",
    "K and V are held by several ranks where there are fewer KV heads than ranks",
    "layers for multi-token prediction and towers of other modalities are counted",
)
DEQUANTISED = "fp8 weights take 16 bits, as they are dequantised while they are loaded, and their scales nothing"
_REPLICATED = re.compile(
    r"(^|\.)(q_a_proj|kv_a_proj_with_mqa|router|mlp\.gate|block_sparse_moe\.gate|feed_forward\.gate|gate_weight)(\.|$)"
)
_KV = re.compile(r"(^|\.)(k_proj|v_proj)(\.|$)")
_EXPERTS = re.compile(rf"(^|\.)experts\.({re.escape(NUMBER)}\.|gate_up_proj|down_proj|w[123])")
_SCALE = re.compile(r"\.weight_scale(_inv)?$")


@dataclass(frozen=True)
class WeightBytes:
    """Bytes of weights before ranks share them, by how they do.

    Attributes:
        experts: of routed experts.
        kv: of projections of k and v.
        replicated: what every rank holds.
        shared: all else, which is shared evenly.
    """

    experts: int = 0
    kv: int = 0
    replicated: int = 0
    shared: int = 0


@dataclass(frozen=True)
class WeightsPerRank:
    """Bytes on the fullest rank.

    Attributes:
        tensor_parallel: experts are cut like all else.
        expert_parallel: each rank holds whole experts (``--enable-expert-parallel``); None without experts.
    """

    tensor_parallel: int
    expert_parallel: int | None


def weight_bytes(patterns: Sequence[Pattern], dequantise: bool, tied: bool) -> WeightBytes:
    """Return the bytes of all weights.

    Args:
        patterns: the tensors.
        dequantise: count fp8 weights as 16 bits and their scales not at all.
        tied: leave out an output head that is the embedding.
    """
    total = WeightBytes()
    for pattern in patterns:
        if tied and pattern.name.split(".")[-2:] == ["lm_head", "weight"]:
            continue
        size = pattern.total_bytes
        if dequantise and pattern.dtype.startswith("F8_"):
            size *= 2
        elif dequantise and _SCALE.search(pattern.name):
            size = 0
        total = _with(total, pattern, size)
    return total


def _with(total: WeightBytes, pattern: Pattern, size: int) -> WeightBytes:
    if _EXPERTS.search(pattern.name):
        return replace(total, experts=total.experts + size)
    if len(pattern.shape) < 2 or _REPLICATED.search(pattern.name):
        return replace(total, replicated=total.replicated + size)
    if _KV.search(pattern.name):
        return replace(total, kv=total.kv + size)
    return replace(total, shared=total.shared + size)


def per_rank(weights: WeightBytes, sizes: Sizes, ranks: int) -> WeightsPerRank:
    """Return the bytes on the fullest rank."""
    kv_heads = max(sizes.kv_heads, default=ranks) if sizes.kv_heads else ranks
    kv = -(-weights.kv // min(ranks, max(kv_heads, 1)))
    rest = weights.replicated + -(-weights.shared // ranks) + kv
    experts = weights.experts
    if not experts:
        return WeightsPerRank(rest, None)
    count = sizes.num_experts
    whole = -(-experts // ranks) if not count else -(-experts // count) * -(-count // ranks)
    return WeightsPerRank(rest + -(-experts // ranks), rest + whole)
