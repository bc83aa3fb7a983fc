"""Reads a block of routed experts: the router, the experts, and the shared experts beside them.

How a source gathers the tokens of each expert does not matter: the outputs of all experts for all tokens are
computed from their weights, and the weights with which they add up to the block's output are solved for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scaffold.source import torch_ops
from scaffold.source.errors import NotUnderstood
from scaffold.source.layers import ACTIVATIONS, Linear
from scaffold.source.objects import Event, Module
from scaffold.source.tensors import Array, Tensor
from scaffold.spec import feed_forward
from scaffold.spec.blocks import Block, definition, name_in
from scaffold.spec.facts import ExpertsSpec, MlpSpec, RouterSpec, Value
from scaffold.spec.feed_forward import activation_order, activation_value
from scaffold.spec.probe import NUM_TOKENS, Probe
from scaffold.spec.projections import input_of, linears, output_of
from scaffold.spec.routing import SPARSE_MIXER, Found, identify
from scaffold.spec.values import size_value

SOLVED = 1e-7
"""Relative error of a solution of the weights: sources round by epsilons such as 1e-20 only."""


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

    def outputs(self, x: Array, activation: str) -> Array:
        """Return what each expert makes of each token: ``[experts, tokens, hidden]``."""
        gate = ACTIVATIONS[activation](Tensor(np.einsum("th,eih->eti", x, self.gate))).a
        return np.asarray(np.einsum("eti,ehi->eth", gate * np.einsum("th,eih->eti", x, self.up), self.down))


def is_experts(event: Event) -> bool:
    """Return whether a block holds expert weights."""
    return event.module is not None and next(_stacks(event.module), None) is not None


def read(probe: Probe, event: Event, name: str, given: Array | None = None) -> Block[ExpertsSpec]:
    """Read the block whose call is ``event``.

    Args:
        probe: the probe.
        event: the call.
        name: the block's path in its layer.
        given: what the block computes, ``[tokens, hidden]``, if it is not the call's result.

    Raises:
        NotUnderstood: part of it is of no known form.
    """
    assert event.module is not None
    x = event.tensors()[0].a.reshape(NUM_TOKENS, -1)
    given = event.result().a.reshape(NUM_TOKENS, -1) if given is None else given
    shared, shared_gate, rest = _without_shared(probe, event, x, given)
    for stack in _stacks(event.module):
        for activation in activation_order(probe):
            for routed in rest:
                dense = _solve(stack.outputs(x, activation), routed)
                if dense is None:
                    continue
                router = _router(probe, event, x, dense)
                spec = ExpertsSpec(
                    name=name,
                    experts_name=stack.path,
                    up_name=stack.up_name,
                    down_name=stack.down_name,
                    transposed=stack.transposed,
                    num_experts=size_value(probe, "num_experts", len(stack.up)),
                    intermediate_size=size_value(probe, "moe_intermediate_size", stack.up.shape[1]),
                    activation=activation_value(probe, activation),
                    router=router,
                    shared=shared,
                    shared_gate=shared_gate,
                    source=definition(event),
                )
                return Block(spec, x, given)
    raise NotUnderstood("routed experts whose outputs are not weighted sums of down(act(gate) * up)", definition(event))


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
            yield from _two(path, stacked)
        items = [child for name, child in holder.children() if name.isdigit()]
        if len(items) > 1:
            yield from _listed(path, items)
    singles = [
        (path, name, value)
        for path, holder in module.modules()
        for name, value in holder.attributes.items()
        if isinstance(value, Tensor) and value.ndim == 3
    ]
    if len(singles) == 2 and singles[0][0] != singles[1][0]:
        names = {f"{path}.{name}": value for path, name, value in singles}
        yield from _two("", names)


def _two(path: str, stacked: dict[str, Tensor]) -> Iterator[_Stack]:
    (up_name, up), (down_name, down) = stacked.items()
    if up.shape[0] != down.shape[0]:
        return
    for transposed in (False, True):
        first = np.swapaxes(up.a, 1, 2) if transposed else up.a
        second = np.swapaxes(down.a, 1, 2) if transposed else down.a
        if first.shape[1] == 2 * second.shape[2] and first.shape[2] == second.shape[1]:
            gate, upper = np.split(first, 2, axis=1)
            yield _Stack(gate, upper, second, path, up_name, down_name, transposed)


def _listed(path: str, items: list[Module]) -> Iterator[_Stack]:
    """Yield experts that are modules of a list, with three linear layers each: two of one shape are gate and up."""
    weights = [{n: c.attributes["weight"].a for n, c in item.children() if isinstance(c, Linear)} for item in items]
    names = list(weights[0])
    if len(names) != 3 or any(list(w) != names for w in weights):
        return
    stacked = {n: np.stack([w[n] for w in weights]) for n in names}
    for down in names:
        gate, up = [n for n in names if n != down]
        if stacked[gate].shape == stacked[up].shape == np.swapaxes(stacked[down], 1, 2).shape:
            for first, second in ((gate, up), (up, gate)):
                joined = f"{{expert}}.{first}.weight,{{expert}}.{second}.weight"
                yield _Stack(
                    stacked[first], stacked[second], stacked[down], path, joined, f"{{expert}}.{down}.weight", False
                )


def _router(probe: Probe, event: Event, x: Array, dense: Array) -> RouterSpec:
    assert event.module is not None
    num_experts = dense.shape[1]
    for path, module in event.module.modules():
        for weight_name, weight in module.attributes.items():
            if not isinstance(weight, Tensor) or weight.shape != (num_experts, x.shape[1]):
                continue
            bias = module.attributes.get("bias") if isinstance(module, Linear) else None
            logits = x @ weight.a.T + (bias.a if isinstance(bias, Tensor) else 0.0)
            for correction_name, correction in _corrections(event.module, num_experts, module):
                found = identify(probe, logits, correction, dense)
                if found is not None:
                    has_bias = isinstance(bias, Tensor)
                    return _router_spec(probe, event, path, weight_name, has_bias, correction_name, found)
    raise NotUnderstood("a router of no known form", definition(event))


def _corrections(block: Module, num_experts: int, gate: Module) -> Iterator[tuple[str | None, Array | None]]:
    """Yield what may correct the choice: vectors with one number per expert, or nothing."""
    for path, module in block.modules():
        for name, value in module.attributes.items():
            is_vector = isinstance(value, Tensor) and value.a.size == num_experts and value.role
            if is_vector and not (module is gate and name == "bias" and isinstance(gate, Linear)):
                yield (f"{path}.{name}" if path else name), value.a.reshape(num_experts)
    yield None, None


def _router_spec(
    probe: Probe, event: Event, path: str, weight: str, bias: bool, correction: str | None, found: Found
) -> RouterSpec:
    return RouterSpec(
        name=path,
        weight_name=weight,
        scoring=found.routing.scoring,
        correction_bias=correction,
        num_groups=found.num_groups,
        topk_group=found.topk_group,
        top_k=_top_k(probe, event, found),
        renormalize=found.renormalize,
        scaling=found.scaling,
        bias=bias,
        source=definition(event),
    )


def _top_k(probe: Probe, event: Event, found: Found) -> Value:
    if found.routing.scoring == SPARSE_MIXER:
        return Value(found.routing.top_k)  # that router chooses two, whatever the config says
    return size_value(probe, "top_k", found.routing.top_k, definition(event))


Rest = list[Array]


def _without_shared(probe: Probe, event: Event, x: Array, given: Array) -> tuple[MlpSpec | None, str | None, Rest]:
    """Return the shared experts, their gate, and what the routed experts may have given."""
    for child in event.inside:
        if child.module is None or child.module.cls is None or is_experts(child) or not linears(child):
            continue
        if len(linears(child)) < 2:
            continue
        try:
            block = feed_forward.read(probe, child, name_in(event, child), "shared_expert_intermediate_size")
        except NotUnderstood:
            continue
        gates = [e for e in linears(event) if output_of(e).shape == (NUM_TOKENS, 1) and np.allclose(input_of(e), x)]
        if gates:
            factor = torch_ops.sigmoid(output_of(gates[0]))
            return block.spec, name_in(event, gates[0]), [given - factor * block.given]
        return block.spec, None, [given - block.given]
    return None, None, [given]
