"""What latent attention keeps: the latent of each token and the rotated part of k, which no ranks share."""

from __future__ import annotations

from scaffold.mixers.latent.spec import LatentAttentionSpec
from scaffold.spec.kept import Kept


def kept(spec: LatentAttentionSpec) -> Kept:
    """Return what a layer keeps where the latents are in the cache."""
    return Kept(1, int(spec.kv_lora_rank.value) + int(spec.qk_rope_head_dim.value))
