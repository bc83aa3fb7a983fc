"""How wide keys and latents are by the checkpoint's tensors: what the config says of them is held against that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scaffold.checkpoint.modalities import MODALITIES
from scaffold.checkpoint.patterns import Pattern

_K = re.compile(r"\.k_proj\.weight$")
_LATENT = re.compile(r"\.kv_a_proj_with_mqa\.weight$")
_PACKED = re.compile(r"\.(qkv_proj|query_key_value|Wqkv|wqkv|W_pack)\.weight$")
_OTHER = re.compile(r"(^|\.)(mtp|cross_attn|crossattention|encoder|indexer)(\.|$)")
_TOWERS = frozenset(word for modality in MODALITIES for word in modality.words)


@dataclass(frozen=True)
class Width:
    """Rows of a projection, ``[rows, hidden]``, and how many layers have it; ``kind``: ``k``, ``qkv`` or ``latent``."""

    kind: str
    rows: int
    count: int
    where: str


def widths(patterns: Sequence[Pattern]) -> tuple[Width, ...]:
    """Return the projections of the decoder whose names are known; other parts and packed weights are left out."""
    found = []
    for pattern in patterns:
        kind = next(
            (name for name, form in (("k", _K), ("qkv", _PACKED), ("latent", _LATENT)) if form.search(pattern.name)), ""
        )
        if not kind or len(pattern.shape) != 2 or 1 in pattern.shape or _OTHER.search(pattern.name):
            continue
        if not _TOWERS.intersection(pattern.name.split(".")):
            found.append(Width(kind, pattern.shape[0], pattern.count, pattern.name))
    return tuple(found)
