"""Mixture of attention heads (MoA): experts that each token chooses project its queries and the attention's output."""

from scaffold.mixers.mixture_of_heads.adapter import write
from scaffold.mixers.mixture_of_heads.capacity import kept
from scaffold.mixers.mixture_of_heads.example import EXAMPLE
from scaffold.mixers.mixture_of_heads.facts import facts
from scaffold.mixers.mixture_of_heads.read import read, reads
from scaffold.mixers.mixture_of_heads.rules import rules
from scaffold.mixers.mixture_of_heads.spec import MixtureOfHeadsSpec as Spec

NAME = "mixture of heads"
CLASS = "Attention"
RUNS_AGAIN = False
SEVERAL = False
COMPUTED = ("rotary_emb.inv_freq",)

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
