"""Reads a block of routed experts: the experts, the shared ones beside them, and by their weights the router.

How a source gathers the tokens of each expert does not matter: the outputs of all experts for all tokens are
computed from their weights, and the weights with which they add up to the block's output are solved for. Where a
token is multiplied by its weight before the experts, the known routers' weights are tried.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from scaffold.feed_forwards.experts.gated import activations, explained
from scaffold.feed_forwards.experts.router import plain_routers, read_router, read_router_with_identities
from scaffold.feed_forwards.experts.shared import without_shared
from scaffold.feed_forwards.experts.spec import ExpertsSpec, RouterSpec
from scaffold.feed_forwards.experts.stacks import Stack, is_experts, stacks
from scaffold.feed_forwards.protocol import Call
from scaffold.probing.blocks import Block, definition, output_biases
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import input_of
from scaffold.probing.values import size_value
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.values import Value

SOLVED = 1e-7
"""Relative error of a solution of the weights: sources round by epsilons such as 1e-20 only."""


def reads(probe: Probe, call: Call) -> bool:
    """Return whether a call is a block's that holds expert weights, or a layer's with a router and experts."""
    return call.listed or (not call.parts and is_experts(call.event))


def read(probe: Probe, call: Call) -> Block[ExpertsSpec]:
    """Read a block.

    Raises:
        NotUnderstood: part of it is of no known form.
    """
    event, name = call.event, call.name
    if call.listed:
        return _in_layer(probe, call)
    x = event.tensors()[0].a.reshape(NUM_TOKENS, -1)
    given = event.result().a.reshape(NUM_TOKENS, -1) if call.given is None else call.given
    for way in (_read, _read_with_identities, _read_weighing_input):
        found = way(probe, event, name, x, given)
        if found is not None:
            return found
    raise NotUnderstood("routed experts whose outputs are not weighted sums of down(act(gate) * up)", definition(event))


def _in_layer(probe: Probe, call: Call) -> Block[ExpertsSpec]:
    """Read a router and experts that the layer itself calls: one of the sums that it makes is what they give.

    Raises:
        NotUnderstood: none is, with a router of a known form.
    """
    event, x = call.event, input_of(call.parts[0])
    behind = event.steps[event.steps.index(call.parts[-1]) :]
    made = [step.output for step in behind if isinstance(step, Operation) and isinstance(step.output, Tensor)]
    sums = [one.a.reshape(x.shape) for one in made if one.a.size == x.size and one.a.dtype.kind == "f"]
    assert event.module is not None
    kinds = [gated for _, _, gated in activations(probe, event)]
    outputs = [stack.outputs(x, gated) for stack in stacks(event.module) for gated in kinds]
    for one in reversed([one for one in sums if any(_solve(given, one) is not None for given in outputs)]):
        try:
            found = _read(probe, event, call.name, x, one)
        except NotUnderstood:
            continue
        if found is not None:
            return found
    raise NotUnderstood("a router and experts in a layer that add up in no known way", definition(event))


def _read(probe: Probe, event: Event, name: str, x: Array, given: Array) -> Block[ExpertsSpec] | None:
    """Return the experts that make ``given`` of ``x``, both ``[tokens, hidden]``; None if no sum of them does."""
    assert event.module is not None
    shared, shared_gate, rest = without_shared(probe, event, x, given)
    ways = [(name, routed - bias) for name, bias in output_biases(event, x.shape[1]) for routed in rest]
    for stack in (one for one in stacks(event.module) if not one.is_longer):  # no rule loads a part of a tensor
        for activation, numbers, gated in activations(probe, event):
            of_first = stack.outputs(x[:1], gated)  # tells most forms apart, at a fraction of the cost
            possible = [(bias, routed) for bias, routed in ways if _solve(of_first, routed[:1]) is not None]
            outputs = stack.outputs(x, gated) if possible else of_first
            for bias, routed in possible:
                dense = _solve(outputs, routed)
                if dense is None:
                    continue
                spec = _spec(probe, event, name, stack, activation, numbers, read_router(probe, event, x, dense))
                spec = replace(spec, shared=shared, shared_gate=shared_gate, output_bias=bias)
                return Block(spec, x, given)
    return None


def _read_with_identities(probe: Probe, event: Event, name: str, x: Array, given: Array) -> Block[ExpertsSpec] | None:
    """Return the experts of which some give a token itself, and what they make of ``x`` is ``given``; or None.

    Raises:
        NotUnderstood: there are some, with a router or in a layout of no known form.
    """
    assert event.module is not None
    shared, shared_gate, rest = without_shared(probe, event, x, given)
    for stack, (activation, numbers, gated) in product(stacks(event.module), activations(probe, event)):
        of_first = np.concatenate([stack.outputs(x[:1], gated), x[None, :1]])
        for routed in rest:
            if _solve(of_first, routed[:1]) is None:
                continue
            dense = _solve(np.concatenate([stack.outputs(x, gated), x[None]]), routed)
            if dense is None or not dense[:, -1].any():
                continue
            router, more = read_router_with_identities(probe, event, x, dense)
            if stack.is_longer and stack.entries != len(stack.down) + more:
                raise NotUnderstood("experts of which gate and up have more entries than a router", definition(event))
            spec = _spec(probe, event, name, stack, activation, numbers, router)
            identities = size_value(probe, "num_zero_experts", more, definition(event))
            spec = replace(spec, identities=identities, longer=stack.is_longer)
            return Block(replace(spec, shared=shared, shared_gate=shared_gate), x, given)
    return None


def _read_weighing_input(probe: Probe, event: Event, name: str, x: Array, given: Array) -> Block[ExpertsSpec] | None:
    """Return the experts that make ``given`` of ``x``, both ``[tokens, hidden]``, each token weighted first; or None.

    An expert's output is not linear in its input's weight, so the weights are those of a router that has none of the
    options (groups, a correction, a factor), or there are none. Experts with biases give something of an input of
    zeros too: they are no such block.
    """
    assert event.module is not None
    shared, shared_gate, rest = without_shared(probe, event, x, given)
    without_biases = [stack for stack in stacks(event.module) if stack.biases is None]
    for stack, (activation, numbers, gated) in product(without_biases, activations(probe, event)):
        for dense, router in plain_routers(probe, event, x, len(stack.up)):
            for routed in rest:
                first = stack.outputs_of_weighted(x[:1], dense[:1], gated)  # most forms differ for any token
                if not _equals(first, routed[:1]):
                    continue
                if _equals(stack.outputs_of_weighted(x, dense, gated), routed):
                    spec = _spec(probe, event, name, stack, activation, numbers, router)
                    spec = replace(spec, shared=shared, shared_gate=shared_gate, weighs_input=True)
                    return Block(spec, x, given)
    return None


def _equals(made: Array, seen: Array) -> bool:
    return bool(np.max(np.abs(made - seen)) <= SOLVED * np.max(np.abs(seen), initial=1e-300))


def _spec(
    probe: Probe,
    event: Event,
    name: str,
    stack: Stack,
    activation: Value,
    numbers: tuple[float, ...],
    router: RouterSpec,
) -> ExpertsSpec:
    """Return a block without shared experts.

    Raises:
        NotUnderstood: a size or a number that no config key gives.
    """
    return ExpertsSpec(
        name=name,
        experts_name=stack.path,
        up_name=stack.up_name,
        gate_name=stack.gate_name,
        down_name=stack.down_name,
        transposed=stack.transposed,
        num_experts=size_value(probe, "num_experts", len(stack.up)),
        intermediate_size=size_value(probe, "moe_intermediate_size", stack.up.shape[1]),
        activation=activation,
        bias=stack.biases is not None,
        alternating=stack.alternating,
        limits=explained(probe, event, numbers),
        in_rows=stack.in_rows,
        router=router,
        shared=None,
        source=definition(event),
    )


def _solve(outputs: Array, routed: Array) -> Array | None:
    """Return the weights ``[tokens, experts]`` with which experts' outputs add up to ``routed``, or None."""
    experts, tokens, hidden = outputs.shape
    if hidden < experts:
        return None
    dense = np.zeros((tokens, experts))
    for token in range(tokens):
        matrix = outputs[:, token].T
        solution = np.linalg.lstsq(matrix, routed[token], rcond=None)[0]
        error = np.max(np.abs(matrix @ solution - routed[token]))
        if error > SOLVED * np.max(np.abs(routed[token]), initial=1e-300):
            return None
        dense[token] = solution
    dense[np.abs(dense) < 1e-9 * np.max(np.abs(dense))] = 0
    return dense
