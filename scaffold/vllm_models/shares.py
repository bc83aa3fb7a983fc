"""How the ranks of tensor parallelism share a layer, and why a number of them cannot.

vLLM: model_executor/layers/linear.py, vocab_parallel_embedding.py, fused_moe/config.py (``divide``, ``assert``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scaffold.vllm_models.layers import LAYERS, Arguments
from scaffold.vllm_models.values import truth

PADDING = 64
"""DEFAULT_VOCAB_PADDING_SIZE of vocab_parallel_embedding.py."""


def misfits(layer: str, positional: Sequence[Any], named: Mapping[str, Any], ranks: int) -> list[str]:
    """Return why a layer cannot be made for a number of ranks; empty if it can, or if its sizes are not known."""
    shared = SHARES.get(layer)
    if shared is None or ranks == 1 or truth(named.get("disable_tp", False)) is not False:
        return []
    given = Arguments(dict(zip(LAYERS[layer].signature.split(), positional)) | dict(named))
    return list(shared(given, ranks))


def _even(argument: str, what: str) -> Callable[[Arguments, int], Iterator[str]]:
    def reasons(given: Arguments, ranks: int) -> Iterator[str]:
        yield from uneven(given.size(argument), what, ranks)

    return reasons


def uneven(size: int | None, what: str, ranks: int) -> Iterator[str]:
    """Yield that a size cannot be shared, if that is so; a size that is not known can."""
    if size is not None and size % ranks:
        yield f"{size:,} {what} cannot be shared evenly by {ranks} ranks"


def _merged(given: Arguments, ranks: int) -> Iterator[str]:
    sizes = given.values.get("output_sizes")
    for size in sizes if isinstance(sizes, list | tuple) else ():
        yield from uneven(size if isinstance(size, int) else None, "outputs", ranks)


def _heads(given: Arguments, ranks: int) -> Iterator[str]:
    """``QKVParallelLinear``: KV heads are replicated where there are more ranks than of them."""
    heads = given.size("total_num_heads")
    kv_heads = heads if given.values.get("total_num_kv_heads") is None else given.size("total_num_kv_heads")
    yield from uneven(heads, "heads", ranks)
    if kv_heads and max(kv_heads, ranks) % min(kv_heads, ranks):
        yield f"{kv_heads} KV heads can neither be shared nor replicated evenly by {ranks} ranks"


def _rows(given: Arguments, ranks: int) -> Iterator[str]:
    rows, padding = given.size("num_embeddings"), given.size("padding_size") or PADDING
    if rows is not None:
        yield from uneven(-(-rows // padding) * padding, "rows (padded)", ranks)


SHARES: dict[str, Callable[[Arguments, int], Iterator[str]]] = {
    "ColumnParallelLinear": _even("output_size", "outputs"),
    "RowParallelLinear": _even("input_size", "inputs"),
    "MergedColumnParallelLinear": _merged,
    "QKVParallelLinear": _heads,
    "VocabParallelEmbedding": _rows,
    "ParallelLMHead": _rows,
}
