"""Which numbers of ranks a model fits on, with the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.capacity.kv_cache import KvCache, kv_cache
from scaffold.capacity.nodes import GIB, NODES, NPU_BYTES, Node, size_text
from scaffold.capacity.sizes import Sizes, sizes_of
from scaffold.capacity.weights import ASSUMPTIONS, DEQUANTISED, per_rank, weight_bytes
from scaffold.checkpoint.patterns import Pattern

RANKS = (1, 2, 4, 8, 16)
TOKENS, SEQUENCES = 128 * 1024, 16
"""The load that vllm-ascend's capacity check starts with."""
UTILISATION = 0.9
"""``--gpu-memory-utilization`` of vllm-ascend's tutorials."""
WORKING_BYTES = 3 * GIB
"""Assumed for activations, graphs and communication buffers; a gate measures it."""


@dataclass(frozen=True)
class Row:
    """One tensor-parallel size.

    Attributes:
        weights: bytes on the fullest rank.
        weights_expert_parallel: the same with whole experts per rank; None without experts.
        kv: bytes of KV cache on one rank for the whole load; None if it is not known.
        sequences: how many sequences of `TOKENS` fit beside the weights; None if not known.
        why_not: why this size cannot be served at all, or an empty text.
    """

    ranks: int
    weights: int
    weights_expert_parallel: int | None
    kv: int | None
    sequences: int | None
    why_not: str

    @property
    def fits(self) -> bool:
        """Return whether weights and the whole load fit."""
        return not self.why_not and self.kv is not None and self.weights + self.kv <= USABLE


USABLE = int(NPU_BYTES * UTILISATION) - WORKING_BYTES


@dataclass(frozen=True)
class NodeAnswer:
    """The smallest size on a node for the weights and one sequence, for the whole load, and in words."""

    node: Node
    smallest: int | None
    smallest_for_load: int | None
    arithmetic: str


@dataclass(frozen=True)
class CapacityPlan:
    """What fits."""

    basis: str
    dequantised: bool
    rows: tuple[Row, ...]
    kv: KvCache | None
    kv_missing: str
    nodes: tuple[NodeAnswer, ...]
    assumptions: tuple[str, ...]


def plan(
    config: Mapping[str, Any],
    patterns: Sequence[Pattern],
    dequantise: bool = False,
    proved: Mapping[int, int] | None = None,
) -> CapacityPlan:
    """Return what fits on which number of ranks.

    Args:
        config: the text config.
        patterns: the checkpoint's tensors.
        dequantise: fp8 weights are dequantised while they are loaded.
        proved: tensor-parallel size → bytes of the fullest rank by a proved weight map, as they lie on disk.
    """
    sizes = sizes_of(config)
    found = weight_bytes(patterns, dequantise, config.get("tie_word_embeddings") is True)
    cache = kv_cache(sizes, config)
    kv = cache if isinstance(cache, KvCache) else None
    by_map = proved if proved and not dequantise else None
    rows = []
    for ranks in RANKS:
        by_shape = per_rank(found, sizes, ranks)
        weights = by_map.get(ranks, by_shape.tensor_parallel) if by_map else by_shape.tensor_parallel
        one = kv.bytes_per_rank(ranks, TOKENS) if kv else None
        rows.append(
            Row(
                ranks,
                weights,
                by_shape.expert_parallel,
                None if one is None else one * SEQUENCES,
                max(0, (USABLE - weights) // one) if one else None,
                _why_not(sizes, ranks),
            )
        )
    used = f"{UTILISATION:.0%} of 64 GiB less {WORKING_BYTES // GIB} GiB for activations, graphs and buffers (assumed)"
    return CapacityPlan(
        basis="the proved weight map" if by_map else "names and shapes",
        dequantised=dequantise,
        rows=tuple(rows),
        kv=kv,
        kv_missing="" if isinstance(cache, KvCache) else cache,
        nodes=tuple(_answer(node, rows) for node in NODES),
        assumptions=(
            f"an NPU can use {size_text(USABLE)}: {used}",
            *(() if by_map else ASSUMPTIONS),
            *((DEQUANTISED,) if dequantise else ()),
            *(kv.assumptions if kv else ()),
        ),
    )


def _why_not(sizes: Sizes, ranks: int) -> str:
    if sizes.num_heads is not None and sizes.num_heads % ranks:
        return f"{sizes.num_heads} heads cannot be shared by {ranks} ranks"
    return ""


def _answer(node: Node, rows: Sequence[Row]) -> NodeAnswer:
    own = [row for row in rows if row.ranks <= node.npus]
    for_load = next((row for row in own if row.fits), None)
    if own and own[0].kv is None:
        smallest = next((row for row in own if not row.why_not and row.weights <= USABLE), None)
    else:
        smallest = next((row for row in own if not row.why_not and (row.sequences or 0) >= 1), None)
    return NodeAnswer(
        node,
        smallest.ranks if smallest else None,
        for_load.ranks if for_load else None,
        _arithmetic(own, smallest, for_load),
    )


def _arithmetic(own: Sequence[Row], smallest: Row | None, for_load: Row | None) -> str:
    load = f"{SEQUENCES} × {TOKENS:,} tokens"
    if for_load is not None and for_load.kv is not None:
        total = for_load.weights + for_load.kv
        shown = f"{size_text(for_load.weights)} + {size_text(for_load.kv)} = {size_text(total)} ≤ {size_text(USABLE)}"
        return f"tp {for_load.ranks} holds {load}: {shown}"
    if smallest is not None and smallest.kv is not None:
        last = [row for row in own if not row.why_not][-1]
        held = dict.fromkeys(f"tp {row.ranks} holds {row.sequences} of {TOKENS:,} tokens" for row in (smallest, last))
        return f"no size on one node holds {load}; {', '.join(held)}"
    if smallest is not None:
        return f"tp {smallest.ranks} holds the weights: {size_text(smallest.weights)} ≤ {size_text(USABLE)}"
    last = own[-1]
    return f"does not fit: {size_text(last.weights)} of weights per rank at tp {last.ranks}, {size_text(USABLE)} usable"
