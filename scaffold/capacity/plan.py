"""Which numbers of ranks a model fits on, with the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.capacity.kv_cache import KvCache, kv_cache
from scaffold.capacity.nodes import ANY, GIB, UTILISATION, WORKING_BYTES, Device, Node, node_count
from scaffold.capacity.sizes import Sizes, sizes_of
from scaffold.capacity.weights import ASSUMPTIONS, DEQUANTISED, per_rank, weight_bytes
from scaffold.checkpoint.patterns import Pattern
from scaffold.common.sizes import size_text
from scaffold.spec.decoder import DecoderSpec
from scaffold_validators.counted import counted

RANKS = (1, 2, 4, 8, 16)
"""Tensor-parallel sizes of one node."""
MORE_RANKS = (*RANKS, 32, 64, 128)
"""Those of several nodes, too."""
TOKENS, SEQUENCES = 128 * 1024, 16
"""The load that vllm-ascend's capacity check starts with."""
OWN_LENGTH = "a sequence has {:,} tokens, the longest that the model was made for"


@dataclass(frozen=True)
class Row:
    """One tensor-parallel size.

    Attributes:
        weights: bytes on the fullest rank.
        weights_expert_parallel: the same with whole experts per rank; None without experts.
        kv: bytes of KV cache on one rank for the whole load; None if it is not known.
        sequences: how many sequences of the load fit beside the weights; None if not known, or if they
            keep nothing.
        why_not: why this size cannot be served at all, or an empty text.
        holds_one: whether the weights fit and, as far as that is known, one sequence beside them.
        fits: whether weights and the whole load fit.
    """

    ranks: int
    weights: int
    weights_expert_parallel: int | None
    kv: int | None
    sequences: int | None
    why_not: str
    holds_one: bool
    fits: bool


@dataclass(frozen=True)
class NodeAnswer:
    """The smallest size on a node for the weights and one sequence, for the whole load, and in words."""

    node: Node
    smallest: int | None
    smallest_for_load: int | None
    arithmetic: str


@dataclass(frozen=True)
class CapacityPlan:
    """What fits.

    Attributes:
        basis: what the bytes of weights come from.
        tokens: of each of the load's `SEQUENCES`: `TOKENS`, or the model's own longest where that is less.
    """

    device: Device
    basis: str
    tokens: int
    dequantised: bool
    rows: tuple[Row, ...]
    kv: KvCache | None
    kv_missing: str
    nodes: tuple[NodeAnswer, ...]
    assumptions: tuple[str, ...]

    @property
    def smallest(self) -> Row | None:
        """Return the smallest size that holds the weights and a sequence, on however many nodes."""
        return next((row for row in self.rows if row.holds_one), None)


def plan(
    config: Mapping[str, Any],
    patterns: Sequence[Pattern],
    dequantise: bool = False,
    proved: Mapping[int, int] | None = None,
    decoder: DecoderSpec | None = None,
    device: Device = ANY,
    tensor_parallel_sizes: Sequence[int] = RANKS,
    own_length: int | None = None,
    misread: str = "",
) -> CapacityPlan:
    """Return what fits on which number of ranks.

    Args:
        config: the text config.
        patterns: the checkpoint's tensors.
        dequantise: fp8 weights are dequantised while they are loaded.
        proved: tensor-parallel size → bytes of the fullest rank by a proved weight map, as they lie on disk.
        decoder: what was read of the modeling source; the config alone counts where it is None.
        device: the NPUs.
        tensor_parallel_sizes: the rows.
        own_length: the longest sequence of the model in tokens; None where that is not known. Longer ones are no load.
        misread: why neither ``decoder`` nor the config tells what a token keeps; empty where they do.
    """
    sizes, tokens = sizes_of(config), min(TOKENS, own_length or TOKENS)
    found = weight_bytes(patterns, dequantise, config.get("tie_word_embeddings") is True)
    cache = misread or kv_cache(config, patterns, decoder)
    kv = cache if isinstance(cache, KvCache) else None
    by_map = proved if proved and not dequantise else None
    rows = []
    for ranks in tensor_parallel_sizes:
        by_shape = per_rank(found, sizes, ranks)
        weights = by_map.get(ranks, by_shape.tensor_parallel) if by_map else by_shape.tensor_parallel
        one = kv.bytes_per_rank(ranks, tokens) if kv else None
        rows.append(_row(ranks, weights, by_shape.expert_parallel, one, _why_not(sizes, ranks), device.usable))
    memory = f"{device.npu_bytes / GIB:.0f} GiB"
    used = (
        f"{UTILISATION:.0%} of {memory} less {WORKING_BYTES // GIB} GiB for activations, graphs and buffers (assumed)"
    )
    return CapacityPlan(
        device=device,
        basis="the proved weight map" if by_map else "names and shapes",
        tokens=tokens,
        dequantised=dequantise,
        rows=tuple(rows),
        kv=kv,
        kv_missing="" if isinstance(cache, KvCache) else cache,
        nodes=tuple(_answer(node, rows, device.usable, tokens) for node in device.nodes),
        assumptions=(
            f"an NPU can use {size_text(device.usable)}: {used}",
            *(() if by_map else ASSUMPTIONS),
            *((DEQUANTISED,) if dequantise else ()),
            *(kv.assumptions if kv else ()),
            *((OWN_LENGTH.format(tokens),) if tokens < TOKENS else ()),
        ),
    )


def _row(ranks: int, weights: int, whole_experts: int | None, one: int | None, why_not: str, usable: int) -> Row:
    """Return a row; ``one`` is what one sequence keeps on a rank, None if that is not known."""
    return Row(
        ranks,
        weights,
        whole_experts,
        None if one is None else one * SEQUENCES,
        max(0, (usable - weights) // one) if one else None,
        why_not,
        holds_one=not why_not and weights + (one or 0) <= usable,
        fits=not why_not and one is not None and weights + one * SEQUENCES <= usable,
    )


def _why_not(sizes: Sizes, ranks: int) -> str:
    if sizes.num_heads is not None and sizes.num_heads % ranks:
        return f"{sizes.num_heads} heads cannot be shared by {ranks} ranks"
    return ""


def _answer(node: Node, rows: Sequence[Row], usable: int, tokens: int) -> NodeAnswer:
    own = [row for row in rows if row.ranks <= node.npus]
    for_load = next((row for row in own if row.fits), None)
    smallest = next((row for row in own if row.holds_one), None)
    return NodeAnswer(
        node,
        smallest.ranks if smallest else None,
        for_load.ranks if for_load else None,
        _arithmetic(own, smallest, for_load, usable, tokens),
    )


def _arithmetic(own: Sequence[Row], smallest: Row | None, for_load: Row | None, usable: int, tokens: int) -> str:
    load = f"{SEQUENCES} × {tokens:,} tokens"
    if for_load is not None and for_load.kv is not None:
        total = for_load.weights + for_load.kv
        shown = f"{size_text(for_load.weights)} + {size_text(for_load.kv)} = {size_text(total)} ≤ {size_text(usable)}"
        return f"tp {for_load.ranks} holds {load}: {shown}"
    if smallest is not None and smallest.kv is not None:
        last = [row for row in own if not row.why_not][-1]
        held = dict.fromkeys(f"tp {row.ranks} holds {row.sequences} of {tokens:,} tokens" for row in (smallest, last))
        return f"no size on one node holds {load}; {', '.join(held)}"
    if smallest is not None:
        return f"tp {smallest.ranks} holds the weights: {size_text(smallest.weights)} ≤ {size_text(usable)}"
    last = own[-1]
    return f"does not fit: {size_text(last.weights)} of weights per rank at tp {last.ranks}, {size_text(usable)} usable"


def hardware_sentence(found: CapacityPlan) -> str:
    """Say for a tutorial what the model needs, with the arithmetic."""
    row, usable = found.smallest, size_text(found.device.usable)
    if row is None:
        last = found.rows[-1]
        return f"By size alone it does not fit on {last.ranks} NPUs: {size_text(last.weights)} of weights on each."
    counts = [(node_count(row.ranks, node), node.name) for node in found.device.nodes]
    nodes = " or ".join(counted(count, f"{name} node") for count, name in counts)
    if row.kv is None:
        shown = f"{size_text(row.weights)} of weights ≤ {usable} on each, KV cache unknown"
    else:
        one = size_text(row.kv // SEQUENCES)
        shown = f"{size_text(row.weights)} of weights + {one} for {found.tokens:,} tokens ≤ {usable} on each"
    return f"By size alone it fits on {counted(row.ranks, 'NPU')} ({shown}): {nodes}; not tried yet."
