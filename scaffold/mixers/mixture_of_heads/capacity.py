"""What a mixture of attention heads keeps: k and v of each token, which all experts share."""

from __future__ import annotations

from scaffold.mixers.mixture_of_heads.spec import MixtureOfHeadsSpec
from scaffold.spec.kept import Kept


def kept(spec: MixtureOfHeadsSpec) -> Kept:
    """Return what a layer keeps."""
    return Kept(int(spec.num_kv_heads.value), 2 * int(spec.head_dim.value))
