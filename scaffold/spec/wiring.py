"""How values flow between the children of a decoder layer: residuals, placements of norms, multipliers.

Each input of a child is solved for as a sum of what was there before it. Pre-norm, post-norm, sandwich and
parallel layers and residual multipliers all come out of the one equation.
"""

from __future__ import annotations

from scaffold.source.errors import NotUnderstood
from scaffold.source.objects import Event
from scaffold.source.tensors import Array
from scaffold.spec.facts import Step
from scaffold.spec.numeric import combination

LAYER_INPUT = "x"


def solve(layer: Event, children: list[tuple[str, Event]]) -> tuple[tuple[Step, ...], tuple[tuple[str, float], ...]]:
    """Return the steps of a layer and its output as sums of named values.

    Args:
        layer: the call of the layer.
        children: its direct children with their names, in the order of their calls.

    Raises:
        NotUnderstood: an input is no sum of earlier values (a gate between blocks, a scale that depends on data).
    """
    basis: dict[str, Array] = {LAYER_INPUT: layer.tensors()[0].a}
    steps = []
    for name, event in children:
        flows = combination(event.tensors()[0].a, basis)
        if flows is None:
            raise NotUnderstood(f"what flows into {name} is no sum of earlier values", event.where)
        steps.append(Step(name, flows))
        basis[name] = event.result().a
    output = combination(layer.result().a, basis)
    if output is None:
        raise NotUnderstood("what leaves the layer is no sum of its values", layer.where)
    return tuple(steps), output


def placement(steps: tuple[Step, ...], output: tuple[tuple[str, float], ...], blocks: dict[str, str]) -> str:
    """Name the placement of norms: a row of ``PLACEMENTS``, or ``other``.

    Args:
        steps: as solved.
        output: as solved.
        blocks: child name → ``norm``, ``attention`` or ``feed_forward``.
    """
    shown: dict[str, str] = {LAYER_INPUT: LAYER_INPUT}
    counts: dict[str, int] = {}
    for step in steps:
        kind = blocks[step.name]
        counts[kind] = counts.get(kind, 0) + 1
        shown[step.name] = f"{kind}{counts[kind]}" if kind == "norm" else kind
    written = [f"{shown[s.name]}({_sum(s.inputs, shown)})" for s in steps] + [_sum(output, shown)]
    return PLACEMENTS.get("; ".join(written), "other")


def _sum(flows: tuple[tuple[str, float], ...], shown: dict[str, str]) -> str:
    return " + ".join(shown[name] if factor == 1 else f"{factor:g}*{shown[name]}" for name, factor in flows)


PLACEMENTS = {
    "norm1(x); attention(norm1); norm2(x + attention); feed_forward(norm2); x + attention + feed_forward": "pre",
}
"""Wirings that adapters have an idiom for, written as sums."""
