"""The kinds of mixers, one per line, in the order in which they are asked."""

from __future__ import annotations

from scaffold.mixers import grouped_query, latent, mixture_of_heads
from scaffold.mixers.protocol import Mixer
from scaffold.spec.kinds import Kinds

MIXERS = Kinds[Mixer](
    latent,
    mixture_of_heads,
    grouped_query,
)
kinds, kind_of, extended = MIXERS.kinds, MIXERS.kind_of, MIXERS.extended
