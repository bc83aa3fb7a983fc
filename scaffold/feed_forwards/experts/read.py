"""Reads a block of routed experts: the experts, the shared ones beside them, and by their weights the router.

How a source gathers the tokens of each expert does not matter: the outputs of all experts for all tokens are
computed from their weights, and the weights with which they add up to the block's output are solved for. Where a
token is multiplied by its weight before the experts, the known routers' weights are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import numpy as np

from scaffold.feed_forwards.experts.router import plain_routers, read_router, read_router_with_identities
from scaffold.feed_forwards.experts.spec import ExpertsSpec, RouterSpec
from scaffold.feed_forwards.mlp.read import activation_order, activation_value, read_mlp
from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.feed_forwards.protocol import Call
from scaffold.probing.blocks import Block, definition, name_in, output_biases
from scaffold.probing.numbers import explain
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import input_of, linears, output_of
from scaffold.probing.values import size_value
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch import torch_ops
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import ACTIVATIONS, Linear
from scaffold.source.torch.module import Module
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.values import Value

SOLVED = 1e-7
"""Relative error of a solution of the weights: sources round by epsilons such as 1e-20 only."""


Gated = Callable[[Array, Array], Array]
"""From gate and up to what goes into down."""
SWIGLU_OAI = "swigluoai"
FACTORS, BOUNDS = ("mul",), ("clamp", "clip", "clamp_max")
"""Operations that have its numbers, whatever the config calls them: factors, and limits."""


def swiglu_oai(alpha: float, limit: float) -> Gated:
    """Return GPT-OSS's activation (vllm/model_executor/layers/activation.py, ``SwigluOAIAndMul``)."""

    def gated(gate: Array, up: Array) -> Array:
        gate, up = np.minimum(gate, limit), np.clip(up, -limit, limit)
        return np.asarray((up + 1) * gate * torch_ops.sigmoid(alpha * gate))

    return gated


def _activations(probe: Probe, event: Event) -> Iterator[tuple[Value, tuple[float, ...], Gated]]:
    """Yield activations that experts may have, with a probe's numbers of them; those with limits first."""
    for alpha, limit in product(_scalars(event, FACTORS), _scalars(event, BOUNDS)):
        yield Value(SWIGLU_OAI), (alpha, limit), swiglu_oai(alpha, limit)
    for name in activation_order(probe):

        def gated(gate: Array, up: Array, act: Any = ACTIVATIONS[name]) -> Array:
            return np.asarray(act(Tensor(gate)).a * up)

        yield activation_value(probe, name), (), gated


def _explained(probe: Probe, event: Event, numbers: tuple[float, ...]) -> tuple[Value, ...]:
    """Return the checkpoint's numbers of an activation.

    Raises:
        NotUnderstood: no config key gives one of them.
    """
    found = tuple(explain(probe, number) for number in numbers)
    for number, value in zip(numbers, found):
        if value is None:
            raise NotUnderstood(f"a number of {number:.6g} in experts that no config key gives", definition(event))
    return tuple(value for value in found if value is not None)


def _scalars(event: Event, names: Collection[str]) -> list[float]:
    """Return the positive numbers that operations of these names have beside tensors, each once, in order."""
    found = (
        float(one)
        for op in event.all_operations()
        if op.name.rstrip("_") in names
        for one in (*op.args, *op.kwargs.values())
        if isinstance(one, (int, float)) and not isinstance(one, bool) and one > 0
    )
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class _Stack:
    """The experts' weights ``[experts, inner, hidden]`` and ``[experts, hidden, inner]``, and their names."""

    gate: Array
    up: Array
    down: Array
    path: str
    up_name: str
    down_name: str
    transposed: bool
    alternating: bool = False
    biases: tuple[Array, Array, Array] | None = None
    """Of gate, up ``[experts, inner]`` and down ``[experts, hidden]``."""
    gate_name: str = ""
    """Of the gate, where it has tensors of its own."""
    in_rows: bool = False
    """Each of gate, up and down is one matrix, expert after expert."""
    entries: int = 0
    """How many gate and up have entries for, which may be more than down has: the others are of no use, and left out.
    """

    @property
    def is_longer(self) -> bool:
        """Return whether gate and up have entries for more experts than down."""
        return self.entries > len(self.down)

    @property
    def is_listed(self) -> bool:
        """Return whether each expert is a module of its own; all names are patterns then."""
        return bool(self.gate_name) and not self.in_rows

    def outputs(self, x: Array, gated: Gated) -> Array:
        """Return what each expert makes of each token: ``[experts, tokens, hidden]``."""
        gate, up = (x @ weight.swapaxes(1, 2) for weight in (self.gate, self.up))
        if self.biases is not None:
            gate, up = gate + self.biases[0][:, None], up + self.biases[1][:, None]
        out = gated(gate, up) @ self.down.swapaxes(1, 2)
        return np.asarray(out if self.biases is None else out + self.biases[2][:, None])

    def outputs_of_weighted(self, x: Array, dense: Array, gated: Gated) -> Array:
        """Return the sum of what experts make of tokens multiplied by ``dense`` ``[tokens, experts]``."""
        return np.asarray(self.outputs(x * dense.T[:, :, None], gated).sum(axis=0))


def is_experts(event: Event) -> bool:
    """Return whether a block holds expert weights."""
    return event.module is not None and next(_stacks(event.module), None) is not None


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
    kinds = [gated for _, _, gated in _activations(probe, event)]
    outputs = [stack.outputs(x, gated) for stack in _stacks(event.module) for gated in kinds]
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
    shared, shared_gate, rest = _without_shared(probe, event, x, given)
    ways = [(name, routed - bias) for name, bias in output_biases(event, x.shape[1]) for routed in rest]
    for stack in (one for one in _stacks(event.module) if not one.is_longer):  # no rule loads a part of a tensor
        for activation, numbers, gated in _activations(probe, event):
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
    shared, shared_gate, rest = _without_shared(probe, event, x, given)
    for stack, (activation, numbers, gated) in product(_stacks(event.module), _activations(probe, event)):
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
    shared, shared_gate, rest = _without_shared(probe, event, x, given)
    stacks = [stack for stack in _stacks(event.module) if stack.biases is None]
    for stack, (activation, numbers, gated) in product(stacks, _activations(probe, event)):
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
    stack: _Stack,
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
        limits=_explained(probe, event, numbers),
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


def _stacks(module: Module) -> Iterator[_Stack]:
    """Yield the ways in which a block's weights can be those of experts."""
    for path, holder in module.modules():
        stacked = {n: v for n, v in holder.attributes.items() if isinstance(v, Tensor) and v.ndim == 3}
        if len(stacked) == 2:
            yield from _two(path, stacked, holder)
        yield from _rows(path, holder, module)
        items = [child for name, child in holder.children() if name.isdigit()]
        holding = [child for child in items if any(True for _ in child.saved_tensors())]
        if len(holding) > 1 and holding == items[: len(holding)]:  # what follows may be identity experts
            yield from _listed(path, holding)
    singles = [
        (path, name, value)
        for path, holder in module.modules()
        for name, value in holder.attributes.items()
        if isinstance(value, Tensor) and value.ndim == 3
    ]
    if len(singles) == 2 and singles[0][0] != singles[1][0]:
        names = {f"{path}.{name}": value for path, name, value in singles}
        yield from _two("", names, None)


def _two(path: str, stacked: dict[str, Tensor], holder: Module | None) -> Iterator[_Stack]:
    (up_name, up), (down_name, down) = stacked.items()
    count = down.shape[0]
    if up.shape[0] < count:
        return
    for transposed in (False, True):
        first = np.swapaxes(up.a[:count], 1, 2) if transposed else up.a[:count]
        second = np.swapaxes(down.a, 1, 2) if transposed else down.a
        if first.shape[1] == 2 * second.shape[2] and first.shape[2] == second.shape[1]:
            biases = [holder.attributes.get(f"{name}_bias") if holder else None for name in (up_name, down_name)]
            for alternating in (False, True):
                gate, upper = _halves(first, alternating)
                both = None
                if isinstance(biases[0], Tensor) and isinstance(biases[1], Tensor):
                    both = (*_halves(biases[0].a[:count], alternating), biases[1].a)
                names, entries = (up_name, down_name), up.shape[0]
                yield _Stack(gate, upper, second, path, *names, transposed, alternating, both, entries=entries)


def _rows(path: str, holder: Module, block: Module) -> Iterator[_Stack]:
    """Yield experts that lie one after the other in three matrices ``[experts * inner, hidden]``.

    As many experts as a router of the block has outputs; which matrix is which no shape tells.
    """
    found = {n: v for n, v in holder.attributes.items() if isinstance(v, Tensor) and v.ndim == 2}
    shapes = {value.shape for value in found.values()}
    if len(found) != 3 or len(shapes) != 1:
        return
    ((rows, hidden),) = shapes
    for count in sorted(_router_sizes(block, hidden)):
        if rows % count or rows == count:
            continue
        cut = {name: value.a.reshape(count, -1, hidden) for name, value in found.items()}
        for gate, up, down in permutations(cut):
            weights = (cut[gate], cut[up], np.swapaxes(cut[down], 1, 2))
            yield _Stack(*weights, path, up, down, False, gate_name=gate, in_rows=True)


def _router_sizes(block: Module, hidden: int) -> set[int]:
    weights = (module.attributes["weight"] for _, module in block.modules() if isinstance(module, Linear))
    return {weight.shape[0] for weight in weights if isinstance(weight, Tensor) and weight.shape[1] == hidden}


def _halves(array: Array, alternating: bool) -> tuple[Array, Array]:
    """Return gate and up of ``[experts, 2 inner, …]``."""
    if alternating:
        return array[:, 0::2], array[:, 1::2]
    gate, up = np.split(array, 2, axis=1)
    return gate, up


def _listed(path: str, items: list[Module]) -> Iterator[_Stack]:
    """Yield experts that are modules of a list, with three linear layers each: two of one shape are gate and up.

    Of two linear layers, one holds both, the gate first.
    """
    weights = [{n: c.attributes["weight"].a for n, c in item.children() if isinstance(c, Linear)} for item in items]
    names = list(weights[0])
    if len(names) not in (2, 3) or any(list(w) != names for w in weights):
        return
    stacked = {n: np.stack([w[n] for w in weights]) for n in names}
    if len(names) == 2:
        for both, down in permutations(names):
            experts, rows, hidden = stacked[both].shape
            if stacked[down].shape == (experts, hidden, rows // 2):
                pattern, down_name = (f"{{expert}}.{name}.weight" for name in (both, down))
                weights_of = (*_halves(stacked[both], alternating=False), stacked[down])
                yield _Stack(*weights_of, path, pattern, down_name, False, gate_name=pattern)
        return
    for down in names:
        gate, up = [n for n in names if n != down]
        if stacked[gate].shape == stacked[up].shape == np.swapaxes(stacked[down], 1, 2).shape:
            for first, second in ((gate, up), (up, gate)):
                gate_name, up_name, down_name = (f"{{expert}}.{name}.weight" for name in (first, second, down))
                weights_of = (stacked[first], stacked[second], stacked[down])
                yield _Stack(*weights_of, path, up_name, down_name, False, gate_name=gate_name)


Rest = list[Array]
"""What the routed experts may have given, ``[tokens, hidden]``: a way for each."""


def _without_shared(probe: Probe, event: Event, x: Array, given: Array) -> tuple[MlpSpec | None, str | None, Rest]:
    """Return the shared experts, their gate, and what the routed experts may have given."""
    assert event.module is not None
    lists = {stack.path for stack in _stacks(event.module) if stack.is_listed}
    for child in event.inside:
        if child.module is None or child.module.cls is None or is_experts(child) or not linears(child):
            continue
        if len(linears(child)) < 2 or name_in(event, child).rpartition(".")[0] in lists:
            continue  # one of a list of experts, each of which may have been given all tokens
        try:
            block = read_mlp(probe, child, name_in(event, child), "shared_expert_intermediate_size")
        except NotUnderstood:
            continue
        gates = [e for e in linears(event) if output_of(e).shape == (NUM_TOKENS, 1) and np.allclose(input_of(e), x)]
        if gates:
            factor = torch_ops.sigmoid(output_of(gates[0]))
            return block.spec, name_in(event, gates[0]), [given - factor * block.given]
        return block.spec, None, [given - block.given]
    return None, None, [given]
