"""Facts of layers: what several kinds of layers have in common is told once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scaffold.evidence.account import KnownFact

LAYERS = re.compile(r"(.*), layers? ([\d ,…()-]+)")
"""How the name of a fact ends that is told of one kind of layers (scaffold/reading/present.py)."""


@dataclass(frozen=True)
class Told:
    """A fact, and the layers that it is told of, kind by kind; none where it is told of the whole model."""

    name: str
    layers: tuple[str, ...]
    value: str
    evidence: tuple[str, ...]


def merged(facts: Sequence[KnownFact]) -> tuple[Told, ...]:
    """Return the facts in their order, those that differ in nothing but the layers as one."""
    split = list(_split(facts))
    kinds = {layers for _, layers, _ in split if layers}
    found: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for name, layers, fact in split:
        found.setdefault((name, fact.value, fact.evidence), []).append(layers)
    return tuple(
        Told(name, () if kinds <= set(layers) else tuple(filter(None, layers)), value, evidence)
        for (name, value, evidence), layers in found.items()
    )


def _split(facts: Sequence[KnownFact]) -> Iterator[tuple[str, str, KnownFact]]:
    for fact in facts:
        of_layers = LAYERS.fullmatch(fact.name)
        yield (of_layers[1], of_layers[2], fact) if of_layers else (fact.name, "", fact)
