"""Routed experts, and the shared ones beside them."""

from scaffold.feed_forwards.experts.adapter import write
from scaffold.feed_forwards.experts.example import EXAMPLE
from scaffold.feed_forwards.experts.facts import facts
from scaffold.feed_forwards.experts.place import inner, joined, num_experts
from scaffold.feed_forwards.experts.read import read, reads
from scaffold.feed_forwards.experts.rules import rules
from scaffold.feed_forwards.experts.spec import ExpertsSpec as Spec

NAME = "experts"
CHOOSES = True

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
