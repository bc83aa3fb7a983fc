"""Proof that a model's rules fit a checkpoint, from its headers alone: total, unambiguous, complete, shapes right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scaffold.checkpoint.headers import TensorHeader
from scaffold.weights.rules import Rule


@dataclass(frozen=True)
class Finding:
    """One violation: what is wrong with which tensors, and what would mend it."""

    kind: str
    tensors: tuple[str, ...]
    says: str


@dataclass(frozen=True)
class Proof:
    """The outcome: how many tensors go where, and all violations."""

    tensors: int
    routed: int
    ignored: int
    unrouted: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.findings


def prove(rules: tuple[Rule, ...], tensors: Mapping[str, TensorHeader]) -> Proof:
    """Check the rules against the headers of a checkpoint."""
    owner: dict[str, Rule] = {}
    ambiguous: list[str] = []
    for rule in rules:
        for name in rule.names():
            if name in owner:
                ambiguous.append(name)
            owner[name] = rule
    unrouted = tuple(sorted(tensors.keys() - owner.keys()))
    missing = tuple(sorted(name for name in owner if name not in tensors))
    shapes = tuple(sorted(name for name in tensors if name in owner and tensors[name].shape != owner[name].shape))
    ignored = sum(1 for name in tensors if name in owner and owner[name].reason)
    findings = []
    if unrouted:
        findings.append(Finding("unrouted", unrouted, "no rule takes these tensors"))
    if ambiguous:
        findings.append(Finding("ambiguous", tuple(sorted(ambiguous)), "two rules take these tensors"))
    if missing:
        findings.append(Finding("missing", missing, "the model needs these tensors; the checkpoint lacks them"))
    if shapes:
        first = shapes[0]
        says = f"{first} is {list(tensors[first].shape)}; the config asks for {list(owner[first].shape)}"
        findings.append(Finding("shape", shapes, says))
    routed = len(tensors) - len(unrouted) - ignored
    return Proof(len(tensors), routed, ignored, unrouted, tuple(findings))
