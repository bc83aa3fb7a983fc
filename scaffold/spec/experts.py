"""Reads a block of routed experts: the router, the experts, and the shared experts beside them."""

from __future__ import annotations

from itertools import product

import numpy as np

from scaffold.source.errors import NotUnderstood
from scaffold.source.layers import ACTIVATIONS
from scaffold.source.objects import Event
from scaffold.source.tensors import Array, Tensor, plain
from scaffold.spec import feed_forward
from scaffold.spec.facts import ExpertsSpec, MlpSpec, RouterSpec, Value
from scaffold.spec.feed_forward import activation_value, child_name, definition
from scaffold.spec.numeric import TOLERANCE, combination
from scaffold.spec.probe import Probe
from scaffold.spec.routing import SCORINGS, Routing, dense_weights
from scaffold.spec.values import size_value

RENORMALIZE_KEYS = ("norm_topk_prob", "moe_renormalize", "normalize_expert_weights")
SCALING_KEYS = ("routed_scaling_factor", "moe_router_scaling_factor", "router_scaling_factor")
ROUNDING = 1e-6
"""Sources add an epsilon such as 1e-20 to a sum before they divide by it; that much may differ."""


def read(probe: Probe, event: Event, name: str) -> ExpertsSpec:
    """Read the block whose call is ``event``.

    Raises:
        NotUnderstood: part of it is of no known form.
    """
    experts = next((e for e in event.inside if _expert_tensors(e)), None)
    router = next((e for e in event.inside if _is_router(e)), None)
    if experts is None or router is None or router.module is None:
        raise NotUnderstood("a block of experts without stacked experts and a router", definition(event))
    gate_up, down = _expert_tensors(experts) or (Tensor([]), Tensor([]))
    num_experts, width = gate_up.shape[0], gate_up.shape[1] // 2
    spec, dense = _router(probe, event, router, num_experts)
    activation = activation_value(probe, experts.module)
    _check_experts(experts, gate_up.a, down.a, dense, activation.value)
    shared = _shared(probe, event, {id(experts), id(router)})
    _check_sum(event, experts, shared)
    return ExpertsSpec(
        name=name,
        experts_name=child_name(event, experts),
        num_experts=size_value(probe, "num_experts", num_experts),
        intermediate_size=size_value(probe, "moe_intermediate_size", width),
        activation=activation,
        router=spec,
        shared=shared[1] if shared else None,
        num_shared_experts=_shared_count(probe) if shared else None,
        source=definition(event),
    )


def is_experts(event: Event) -> bool:
    """Return whether a block holds stacked expert weights."""
    return any(_expert_tensors(e) for e in event.inside)


def _expert_tensors(event: Event) -> tuple[Tensor, Tensor] | None:
    """Return gate-and-up ``[experts, 2 × width, hidden]`` and down ``[experts, hidden, width]``."""
    if event.module is None:
        return None
    tensors = [v for v in event.module.attributes.values() if isinstance(v, Tensor) and v.ndim == 3]
    if len(tensors) != 2:
        return None
    first, second = tensors
    if first.shape[1] == 2 * second.shape[2] and first.shape[2] == second.shape[1]:
        return first, second
    return None


def _is_router(event: Event) -> bool:
    weight = event.module.attributes.get("weight") if event.module else None
    return isinstance(weight, Tensor) and weight.ndim == 2 and isinstance(event.output, tuple)


def _router(probe: Probe, block: Event, event: Event, num_experts: int) -> tuple[RouterSpec, Array]:
    assert event.module is not None
    weights, indices = _chosen(event, num_experts)
    dense = dense_weights(indices, weights, num_experts)
    hidden = event.tensors()[0].a
    logits = hidden.reshape(-1, hidden.shape[-1]) @ event.module.attributes["weight"].a.T
    corrections = [
        (name, value)
        for name, value in event.module.attributes.items()
        if isinstance(value, Tensor) and value.shape == (num_experts,) and value.role
    ]
    correction_name, correction = corrections[0] if corrections else (None, None)
    top_k = size_value(probe, "top_k", indices.shape[1])
    for routing, values in _candidates(probe, indices.shape[1]):
        computed = routing.weights(logits, plain(correction))
        if np.allclose(computed, dense, rtol=ROUNDING, atol=ROUNDING * dense.max()):
            renormalize, scaling, groups, topk_group = values
            spec = RouterSpec(
                name=child_name(block, event),
                scoring=routing.scoring,
                correction_bias=correction_name,
                num_groups=groups,
                topk_group=topk_group,
                top_k=top_k,
                renormalize=renormalize,
                scaling=scaling,
                source=definition(event),
            )
            return spec, dense
    raise NotUnderstood("a router of no known form", definition(event))


def _chosen(event: Event, num_experts: int) -> tuple[Array, Array]:
    tensors = [t for t in event.output if isinstance(t, Tensor)]
    indices = next((t.a for t in tensors if t.a.dtype.kind == "i"), None)
    if indices is not None:
        for tensor in tensors:
            if tensor.shape == indices.shape and tensor.a.dtype.kind == "f":
                return tensor.a, indices
    raise NotUnderstood("a router that does not return weights and indices", definition(event))


def _candidates(probe: Probe, top_k: int):  # type: ignore[no-untyped-def]
    renormalize = _switch(probe, RENORMALIZE_KEYS, (True, False))
    scaling = _switch(probe, SCALING_KEYS, (1.0,))
    groups, topk_group = probe.key("num_groups"), probe.key("topk_group")
    grouped: list[tuple[int, int, Value | None, Value | None]] = [(1, 1, None, None)]
    if groups and topk_group:
        small = probe.small.attributes
        values = (
            Value(probe.completed[groups], groups),
            Value(probe.completed[topk_group], topk_group),
        )
        grouped.insert(0, (int(small[groups]), int(small[topk_group]), *values))
    for scoring, renorm, scale, group in product(SCORINGS, renormalize, scaling, grouped):
        routing = Routing(scoring, group[0], group[1], top_k, bool(renorm.value), float(scale.value))
        yield routing, (renorm, scale, group[2], group[3])


def _switch(probe: Probe, keys: tuple[str, ...], fixed: tuple[float | bool, ...]) -> list[Value]:
    """Return the values that an option may have: the config's, then fixed ones without a key."""
    found = [Value(probe.completed[k], k) for k in keys if probe.completed.get(k) is not None]
    return found + [Value(value) for value in fixed]


def _check_experts(event: Event, gate_up: Array, down: Array, dense: Array, activation: str) -> None:
    """Check ``Σ weight · down(act(gate(x)) · up(x))``, gate in the first half of the fused weight."""
    x = event.tensors()[0].a
    out = np.zeros_like(x)
    for expert in range(gate_up.shape[0]):
        gate, up = np.split(x @ gate_up[expert].T, 2, axis=-1)
        inner = ACTIVATIONS[activation](Tensor(gate)).a * up
        out += dense[:, expert : expert + 1] * (inner @ down[expert].T)
    if not np.allclose(out, event.result().a, rtol=ROUNDING, atol=ROUNDING * np.abs(out).max()):
        raise NotUnderstood("experts that are not down(act(gate(x)) * up(x))", definition(event))


def _shared(probe: Probe, event: Event, others: set[int]) -> tuple[Event, MlpSpec] | None:
    rest = [e for e in event.inside if id(e) not in others and e.module is not None and e.module.cls]
    if not rest:
        return None
    if len(rest) > 1:
        raise NotUnderstood("several blocks beside the routed experts", definition(event))
    shared = rest[0]
    return shared, feed_forward.read(probe, shared, child_name(event, shared), "shared_experts")


def _check_sum(event: Event, experts: Event, shared: tuple[Event, MlpSpec] | None) -> None:
    shape = event.result().shape
    basis = {"experts": experts.result().a.reshape(shape)}
    if shared:
        basis["shared"] = shared[0].result().a.reshape(shape)
    flows = combination(event.result().a, basis)
    if flows is None or any(abs(factor - 1) > TOLERANCE for _, factor in flows) or len(flows) != len(basis):
        raise NotUnderstood("experts that are not simply added up", definition(event))


def _shared_count(probe: Probe) -> Value:
    key = probe.key("num_shared_experts")
    if key is None:
        raise NotUnderstood("shared experts without a count in the config")
    return Value(probe.completed[key], key)
