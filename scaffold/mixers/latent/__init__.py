"""Multi-head latent attention (MLA), as DeepSeek-V2 introduced it: k and v of all heads come from one small vector."""

from scaffold.mixers.computed import COMPUTED
from scaffold.mixers.latent.adapter import write
from scaffold.mixers.latent.capacity import kept
from scaffold.mixers.latent.example import EXAMPLE
from scaffold.mixers.latent.facts import facts
from scaffold.mixers.latent.read import read, reads
from scaffold.mixers.latent.rules import rules
from scaffold.mixers.latent.spec import LatentAttentionSpec as Spec

NAME = "latent"
CLASS = "Attention"
RUNS_AGAIN = False
SEVERAL = True

__all__ = [
    "CLASS",
    "COMPUTED",
    "EXAMPLE",
    "NAME",
    "RUNS_AGAIN",
    "SEVERAL",
    "Spec",
    "facts",
    "kept",
    "read",
    "reads",
    "rules",
    "write",
]
