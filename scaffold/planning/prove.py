"""Prove: what a strategy adds takes every tensor of the checkpoint and fills every parameter, as it was decided."""

from __future__ import annotations

from scaffold.mapping.proved import Proved
from scaffold.strategy.decide import Decision
from scaffold.strategy.protocol import Adds


def prove(decision: Decision) -> Proved | None:
    """Return the weight rules of the module that the strategy adds, with their proof; None where it adds none."""
    return decision.answers[-1][1].proved if decision.strategy.adds is Adds.MODULE else None
