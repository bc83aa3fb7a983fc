"""The weight map of a checkpoint as data of the page: each tensor with its rule, its parameter, and what proves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scaffold.checkpoint.headers import TensorHeader
from scaffold.report.page.folding import Folded, folded
from scaffold.weights.findings import Finding, Proof
from scaffold.weights.rules import Part, Rule, WeightMap

SHOWN = 50
"""Tensors of a finding that the page lists; it tells how many more there are."""
CHECKS: Mapping[str, tuple[str, ...]] = {
    "total": ("unrouted",),
    "unambiguous": ("ambiguous", "duplicate", "conflict"),
    "complete": ("missing", "incomplete"),
    "shapes": ("shape",),
    "ranks": ("uneven", "coverage"),
    "paired": ("no-scale", "no-weight", "scale-shape"),
}
"""What the proof checks → the kinds of finding that say that it is not so, as in `scaffold.weights.prove`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What tensors have in common that only differ in their names.

    Attributes:
        rule: index of the rule that takes them; -1 where none does.
        is_scale: they are the scales of the rule's weights.
    """

    rule: int
    is_scale: bool
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Weights:
    """Where the tensors of a checkpoint go.

    Attributes:
        tree: their names, each with the index of its kind.
        ranks: the tensor-parallel sizes that it is proved for.
        stand_for: whether they are the weights that packed tensors stand for, and not the tensors themselves.
        is_of_plan: whether the rules are those of the module that a plan adds; else they only follow from the model.
        why_no_rules: why it cannot be told where the tensors go, which are all the same shown; empty where it can.
    """

    weight_map: WeightMap
    proof: Proof
    tree: Folded
    kinds: tuple[Kind, ...]
    ranks: tuple[int, ...]
    stand_for: bool = False
    is_of_plan: bool = True
    why_no_rules: str = ""

    def document(self) -> dict[str, Any]:
        """Return all of it as the page's script reads it: values of JSON."""
        proof = self.proof
        return {
            "nodes": [[[label, ref] for label, ref in node] for node in self.tree.nodes],
            "root": self.tree.root,
            "kinds": [[kind.rule, int(kind.is_scale), kind.dtype, list(kind.shape)] for kind in self.kinds],
            "rules": [_rule(rule, size, self.ranks) for rule, size in zip(self.weight_map.rules, proof.bytes_per_rule)],
            "checks": {name: list(kinds) for name, kinds in CHECKS.items()},
            "findings": [_finding(finding) for finding in proof.findings],
            "ranks": list(self.ranks),
            "known": not self.why_no_rules,
        }


def tensors_alone(tensors: Mapping[str, TensorHeader], why_no_rules: str) -> Weights:
    """Return the tensors of a checkpoint of which it cannot be told where they go."""
    nothing = Proof(len(tensors), 0, 0, (), (), (), {})
    return replace(weights_of(WeightMap(()), nothing, tensors), why_no_rules=why_no_rules)


def weights_of(
    weight_map: WeightMap, proof: Proof, tensors: Mapping[str, TensorHeader], stand_for: bool = False
) -> Weights:
    """Return where each tensor goes.

    Args:
        weight_map: the rules.
        proof: what was found of them on these tensors.
        tensors: the checkpoint's headers, by name.
        stand_for: whether the tensors are the weights that packed ones stand for.
    """
    owners = _owners(weight_map.rules, tensors)
    kinds: dict[Kind, int] = {}
    names = {}
    for name, header in tensors.items():
        kind = Kind(*owners.get(name, (-1, False)), header.dtype, header.shape)
        names[name] = kinds.setdefault(kind, len(kinds))
    return Weights(weight_map, proof, folded(names), tuple(kinds), tuple(proof.bytes_per_rank), stand_for)


def _owners(rules: Sequence[Rule], tensors: Mapping[str, TensorHeader]) -> dict[str, tuple[int, bool]]:
    """Return name → index of the rule that takes it, and whether it is the scale of a weight that the rule takes.

    Where rules are ambiguous, which is a finding, it is the last, as in the proof.
    """
    found: dict[str, tuple[int, bool]] = {}
    for index, rule in enumerate(rules):
        found.update(dict.fromkeys(rule.names(), (index, False)))
    for index, rule in enumerate(rules):
        if rule.scale is not None and not rule.is_ignored:
            for name in rule.expanded(rule.scale.name):
                found.setdefault(name, (index, True))
    unlimited = [(index, rule, rule.source.partition("{")[0]) for index, rule in enumerate(rules) if not rule.count]
    for name in tensors:
        for index, rule, beginning in unlimited:
            if name not in found and name.startswith(beginning) and rule.match(name) is not None:
                found[name] = (index, False)
    return found


def _rule(rule: Rule, size: int, ranks: Sequence[int]) -> dict[str, Any]:
    shape = list(rule.target_shape)
    return {
        "source": rule.source,
        "target": rule.target,
        "reason": rule.reason,
        "axis": rule.axis,
        "shape": shape,
        "parts": [
            {
                "shard": "" if part.shard is None else str(part.shard),
                "size": part.size,
                "split": str(part.split),
                "held": [None if part.split.misfit(part.size, tp) else _held(part, tp) for tp in ranks],
            }
            for part in rule.parts
        ],
        "transform": rule.transform_text(),
        "scale": rule.scale.name if rule.scale else "",
        "ranges": {name: [numbers.start, numbers.stop, numbers.step] for name, numbers in rule.ranges.items()},
        "tensors": rule.count,
        "bytes": size,
    }


def _held(part: Part, tp: int) -> int:
    """Return how much of a part the first rank holds, which holds no less than any other."""
    begin, end = part.split.interval(part.size, tp, 0)
    return end - begin


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "says": finding.says,
        "mends": finding.mends,
        "tensors": list(finding.tensors[:SHOWN]),
        "more": max(0, len(finding.tensors) - SHOWN),
        "rule": finding.rule,
        "ranks": finding.ranks,
    }
