"""Grouped-query attention: heads of q share heads of k and v; multi-head and multi-query attention are its ends."""

from scaffold.mixers.computed import COMPUTED
from scaffold.mixers.grouped_query.adapter import write
from scaffold.mixers.grouped_query.capacity import kept
from scaffold.mixers.grouped_query.example import EXAMPLE
from scaffold.mixers.grouped_query.facts import facts
from scaffold.mixers.grouped_query.read import read, reads
from scaffold.mixers.grouped_query.rules import rules
from scaffold.mixers.grouped_query.spec import AttentionSpec as Spec

NAME = "grouped query"
CLASS = "Attention"
RUNS_AGAIN = True
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
