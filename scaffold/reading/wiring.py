"""How values flow between the blocks of a decoder layer: residuals, placements of norms, multipliers.

Each input of a block is solved for as a sum of what was there before it. Pre-norm, post-norm, sandwich and
parallel layers and residual multipliers all come out of the one equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scaffold.probing.numbers import explain
from scaffold.probing.numeric import combination
from scaffold.probing.probe import Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.tensors import Array
from scaffold.spec.layers import LAYER_INPUT, Step, Sum


@dataclass(frozen=True)
class Flow:
    """A block by name, with what it took and gave ``[tokens, hidden]``.

    Attributes:
        name: of the block.
        taken: what went in.
        given: what came out.
        is_factor: it multiplies by one number that is learned; what it took is not used besides.
    """

    name: str
    taken: Array
    given: Array
    is_factor: bool = False


def solve(probe: Probe, x: Array, flows: Sequence[Flow], output: Array, where: str) -> tuple[tuple[Step, ...], Sum]:
    """Return the steps of a layer and its output as sums of named values.

    Args:
        probe: the probe.
        x: the layer's input.
        flows: its blocks in the order of their calls.
        output: the layer's output.
        where: lines of the layer, for errors.

    Raises:
        NotUnderstood: an input is not a sum of earlier values (a gate between blocks, a scale that depends on data).
    """
    basis: dict[str, Array] = {LAYER_INPUT: x}
    steps = []
    for flow in flows:
        found = combination(flow.taken, basis)
        if found is None:
            raise NotUnderstood(
                f"what flows into {flow.name or 'the feed-forward block'} is not a sum of earlier values", where
            )
        steps.append(Step(flow.name, _explained(probe, found, where)))
        if flow.is_factor and len(found) == 1:
            del basis[found[0][0]]  # of two that differ by a factor, no equation tells which one is used
        basis[flow.name] = flow.given
    found = combination(output, basis)
    if found is None:
        raise NotUnderstood("what leaves the layer is not a sum of its values", where)
    return tuple(steps), _explained(probe, found, where)


def _explained(probe: Probe, flows: tuple[tuple[str, float], ...], where: str) -> Sum:
    result = []
    for name, factor in flows:
        value = explain(probe, factor)
        if value is None:
            raise NotUnderstood(f"a factor of {factor:g} on {name} that no config key gives", where)
        result.append((name, value))
    return tuple(result)
