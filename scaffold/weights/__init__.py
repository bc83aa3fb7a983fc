"""Weight rules: what each tensor of a checkpoint fills, as a list that can be read, proved and tested."""

from scaffold.weights.findings import Finding, Proof
from scaffold.weights.prove import prove
from scaffold.weights.rules import Part, Route, Rule, WeightMap
from scaffold.weights.scope import Heads, Scope
from scaffold.weights.splits import Even, KvHeads, Vocabulary, Whole, expert_interval
from scaffold.weights.transforms import Apart, Offset, Scale, Stack, Transpose, Twice, Ungroup, UnitRows, Zeros

__all__ = [
    "Apart",
    "Even",
    "Finding",
    "Heads",
    "KvHeads",
    "Offset",
    "Part",
    "Proof",
    "Route",
    "Rule",
    "Scale",
    "Scope",
    "Stack",
    "Transpose",
    "Twice",
    "Ungroup",
    "UnitRows",
    "Vocabulary",
    "WeightMap",
    "Whole",
    "Zeros",
    "expert_interval",
    "prove",
]
