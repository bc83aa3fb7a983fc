"""Reads the router of a block of experts: of the weights that a run gave them, back to the logits they were made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scaffold.carried.refused import carrying
from scaffold.feed_forwards.experts.routing import SPARSE_MIXER, Found, identify, identify_with_identities, plain
from scaffold.feed_forwards.experts.spec import RouterSpec
from scaffold.probing.blocks import definition
from scaffold.probing.probe import Probe
from scaffold.probing.values import size_value
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.module import Module
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.values import Value

LIMITS = ("clamp", "clip", "clamp_min", "clamp_max", "hardtanh", "minimum", "maximum")


@dataclass(frozen=True)
class Gate:
    """What may be a router's projection, with what may correct the choice.

    Attributes:
        path: its module.
        weight_name: of the matrix there.
        has_bias: its bias is added.
        logits: what it gives, ``[tokens, experts]``.
        correction_name: of the vector that corrects the choice.
        correction: that vector.
    """

    path: str
    weight_name: str
    has_bias: bool
    logits: Array
    correction_name: str | None
    correction: Array | None


def read_router(probe: Probe, event: Event, x: Array, dense: Array) -> RouterSpec:
    """Return the router of a block, with the statements between its logits and its scores where there are any.

    Args:
        probe: the probe.
        event: the block's call.
        x: what it is given, ``[tokens, hidden]``.
        dense: the weight of each expert for each token, ``[tokens, experts]``; 0 where it is not chosen.

    Raises:
        NotUnderstood: the router is of no known form, or what stands before its scores cannot be carried over.
    """
    gates = list(_gates(event, x, dense.shape[1]))
    for gate in gates:
        found = identify(probe, gate.logits, gate.correction, dense)
        if found is not None:
            _check_limits(event, gate, found)
            return _router_spec(probe, event, gate, found)
    return _carried_router(probe, event, gates, dense)


def read_router_with_identities(probe: Probe, event: Event, x: Array, dense: Array) -> tuple[RouterSpec, int]:
    """Return the router of a block with identity experts, and their number.

    Args:
        probe: the probe.
        event: the block's call.
        x: what it is given, ``[tokens, hidden]``.
        dense: the weight of each other expert for each token, and last the sum of those of identity experts.

    Raises:
        NotUnderstood: the router is of no known form.
    """
    experts = dense.shape[1] - 1
    for choices in sorted(_heights(event, x.shape[1])):
        for gate in _gates(event, x, choices) if choices > experts else ():
            found = identify_with_identities(probe, gate.logits, gate.correction, dense)
            if found is not None:
                _check_limits(event, gate, found)
                return _router_spec(probe, event, gate, found), choices - experts
    raise NotUnderstood("a router of no known form, of identity experts too", definition(event))


def _check_limits(event: Event, gate: Gate, found: Found) -> None:
    """Check that nothing limits the weights of experts that no token of the probe has chosen.

    Where a vector corrects the choice, the largest weights need not be chosen, and a limit on them shows nowhere.

    Raises:
        NotUnderstood: something does.
    """
    if found.routing.scoring == SPARSE_MIXER:  # has limits of its own
        return
    for op in event.all_operations():
        given = op.args[0] if op.args else None
        if op.name.rstrip("_") in LIMITS and isinstance(given, Tensor) and isinstance(op.output, Tensor):
            is_of_choices = given.shape[-1:] == gate.logits.shape[-1:] and given.shape == op.output.shape
            if is_of_choices and not np.array_equal(given.a, op.output.a):
                raise NotUnderstood("a limit on a router's weights that no chosen expert of a probe reaches", op.where)


def _heights(event: Event, hidden: int) -> set[int]:
    """Return of how many outputs a router may be: of matrices ``[outputs, hidden]`` in a block."""
    assert event.module is not None
    tensors = (tensor for _, tensor in event.module.saved_tensors())
    return {tensor.shape[0] for tensor in tensors if tensor.ndim == 2 and tensor.shape[1] == hidden}


def plain_routers(probe: Probe, event: Event, x: Array, num_experts: int) -> Iterator[tuple[Array, RouterSpec]]:
    """Yield the weights ``[tokens, experts]`` that each router without options would give, and that router."""
    for gate in _gates(event, x, num_experts):
        if gate.correction is None:
            for found in plain(probe, num_experts):
                yield found.routing.weights(gate.logits, None), _router_spec(probe, event, gate, found)


def _carried_router(probe: Probe, event: Event, gates: Sequence[Gate], dense: Array) -> RouterSpec:
    """Return a router whose logits are not scored as they are.

    Raises:
        NotUnderstood: there is none, or what happens to the logits cannot be carried over.
    """
    from scaffold.carried.router import carried, made_of  # here, as most routers are of a known form

    reasons: list[str] = []
    for gate in gates:
        for target, values in made_of(event, gate.logits):
            found = identify(probe, values, gate.correction, dense)
            if found is None:
                continue
            try:
                with carrying(event.where):
                    count = size_value(probe, "num_experts", dense.shape[1])
                    stretch = carried(probe, event, gate.logits, target, count)
                return replace(_router_spec(probe, event, gate, found), carried=stretch)
            except NotUnderstood as error:
                reasons.append(error.what)
    what = "a router of no known form"
    raise NotUnderstood(f"{what}; not carried over: {reasons[0]}" if reasons else what, definition(event))


def _gates(event: Event, x: Array, num_experts: int) -> Iterator[Gate]:
    """Yield what may be the projection of a block's router."""
    assert event.module is not None
    for path, module in event.module.modules():
        for weight_name, weight in module.attributes.items():
            if not isinstance(weight, Tensor) or weight.shape != (num_experts, x.shape[1]):
                continue
            bias = module.attributes.get("bias")
            for has_bias in (True, False) if isinstance(bias, Tensor) and bias.shape == (num_experts,) else (False,):
                logits = x @ weight.a.T + (bias.a if isinstance(bias, Tensor) and has_bias else 0.0)
                for found in _corrections(event.module, num_experts, module if has_bias else None):
                    yield Gate(path, weight_name, has_bias, logits, *found)


def _corrections(block: Module, num_experts: int, gate: Module | None) -> Iterator[tuple[str | None, Array | None]]:
    """Yield name and values of what may correct the choice, ``[experts]``: any vector but ``gate``'s bias, or none."""
    for path, module in block.modules():
        for name, value in module.attributes.items():
            is_vector = isinstance(value, Tensor) and value.a.size == num_experts and value.role
            if is_vector and not (module is gate and name == "bias"):
                yield (f"{path}.{name}" if path else name), value.a.reshape(num_experts)
    yield None, None


def _router_spec(probe: Probe, event: Event, gate: Gate, found: Found) -> RouterSpec:
    return RouterSpec(
        name=gate.path,
        weight_name=gate.weight_name,
        scoring=found.routing.scoring,
        correction_bias=gate.correction_name,
        num_groups=found.num_groups,
        topk_group=found.topk_group,
        top_k=_top_k(probe, event, found),
        renormalize=found.renormalize,
        scaling=found.scaling,
        bias=gate.has_bias,
        source=definition(event),
    )


def _top_k(probe: Probe, event: Event, found: Found) -> Value:
    if found.routing.scoring == SPARSE_MIXER:
        return Value(found.routing.top_k)  # that router chooses two, whatever the config says
    return size_value(probe, "top_k", found.routing.top_k, definition(event))
