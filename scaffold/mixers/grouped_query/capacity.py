"""What grouped-query attention keeps: k and v of each token."""

from __future__ import annotations

from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.spec.kept import Kept


def kept(spec: AttentionSpec) -> Kept:
    """Return what a layer keeps. vLLM's cache has one size for keys and values, that of the keys."""
    kept = spec.window or spec.chunk
    window = None if kept is None else int(kept.value)
    heads, per_head = int(spec.num_kv_heads.value), 2 * int(spec.head_dim.value)
    if spec.differential is not None:  # ranks share pairs of heads, and keep both keys with each of both values
        heads, per_head = heads // 2, 4 * per_head
    return Kept(heads, per_head, window)
