"""Plain and gated MLPs."""

from scaffold.feed_forwards.mlp.adapter import write
from scaffold.feed_forwards.mlp.example import EXAMPLE
from scaffold.feed_forwards.mlp.facts import facts
from scaffold.feed_forwards.mlp.place import inner, joined, num_experts
from scaffold.feed_forwards.mlp.read import read, reads
from scaffold.feed_forwards.mlp.rules import rules
from scaffold.feed_forwards.mlp.spec import MlpSpec as Spec

NAME = "MLP"
CHOOSES = False

__all__ = [
    "CHOOSES",
    "EXAMPLE",
    "NAME",
    "Spec",
    "facts",
    "inner",
    "joined",
    "num_experts",
    "read",
    "reads",
    "rules",
    "write",
]
