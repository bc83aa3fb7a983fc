"""Reads a feed-forward block: ``down(act(gate(x)) * up(x))`` or ``down(act(up(x)))``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from scaffold.carried.refused import carrying
from scaffold.feed_forwards.mlp.spec import CARRIED_OVER, MlpSpec
from scaffold.feed_forwards.protocol import Call
from scaffold.probing import norms
from scaffold.probing.blocks import Block, definition, name_in
from scaffold.probing.numeric import same
from scaffold.probing.probe import Probe
from scaffold.probing.projections import input_of, linears, output_of
from scaffold.probing.values import bias_value, size_value
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import ACTIVATIONS, Conv1D
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.norms import NormSpec
from scaffold.spec.values import Value

XIELU = "xielu"
XIELU_PARAMETERS = ("alpha_p", "alpha_n", "beta", "eps")


def xielu(x: Array, alpha_p: Array, alpha_n: Array, beta: Array, eps: Array) -> Array:
    """Return the activation of https://arxiv.org/abs/2411.13010 (transformers: src/transformers/activations.py)."""
    positive, negative = np.logaddexp(0, alpha_p), beta + np.logaddexp(0, alpha_n)
    below = (np.expm1(np.minimum(x, eps)) - x) * negative
    return np.asarray(np.where(x > 0, positive * x * x, below) + beta * x)


@dataclass(frozen=True)
class _Inner:
    """What is given to ``down``: the layers that make it, and the activation."""

    gate: Event | None
    up: Event
    activation: str
    module: Event | None = None
    """The call of an activation with parameters."""

    @property
    def layers(self) -> list[Event]:
        return [self.up] if self.gate is None or self.gate is self.up else [self.gate, self.up]


def reads(probe: Probe, call: Call) -> bool:
    """Return True: a block that is of no other kind is read as an MLP, or not at all."""
    return True


def read(probe: Probe, call: Call) -> Block[MlpSpec]:
    """Read a block.

    Raises:
        NotUnderstood: it is not of this form.
    """
    return read_mlp(probe, call.event, call.name, parts=call.parts or None)


def read_mlp(
    probe: Probe, event: Event, name: str, size_role: str = "intermediate_size", parts: Sequence[Event] | None = None
) -> Block[MlpSpec]:
    """Read the block whose call is ``event``.

    Args:
        probe: the probe.
        event: the call of the block, or of the layer whose own linear layers make it up.
        name: its path in the layer; empty in the latter case.
        size_role: the role of its inner size.
        parts: the calls of its linear layers; all inside of ``event`` by default.

    Raises:
        NotUnderstood: it is not of this form.
    """
    layers = linears(event) if parts is None else list(parts)
    if not layers:
        raise NotUnderstood(f"a feed-forward block without linear layers: {name} ({event.name})", definition(event))
    x = input_of(layers[0])
    inner = [e for e in layers if same(input_of(e), x)]
    for down in layers:
        if down in inner:
            continue
        for given, inner_norm in _before_norm(probe, event, input_of(down)):
            found = next(_inners(probe, inner, given), None) or _with_parameters(event, inner, given)
            if found is None:
                continue
            transposed = isinstance(down.module, Conv1D)
            activation = activation_value(probe, found.activation)
            held = name_in(event, found.module) if found.module is not None else ""
            return Block(
                MlpSpec(
                    name=name,
                    gate_name="" if found.gate is None else name_in(event, found.gate),
                    up_name=name_in(event, found.up),
                    down_name=name_in(event, down),
                    activation=activation,
                    intermediate_size=size_value(probe, size_role, given.shape[1], definition(event)),
                    bias=bias_value(probe, found.layers),
                    down_bias=bias_value(probe, [down]),
                    inner_norm=inner_norm,
                    transposed=transposed,
                    activation_name=held,
                    source=definition(event),
                ),
                x,
                output_of(down),
            )
    reasons: list[str] = []
    for down in layers:
        size = input_of(down).shape[1]
        if down in inner or not inner:
            continue
        from scaffold.carried.inner import carried  # here, as most MLPs are of a known form

        try:
            found_size = size_value(probe, size_role, size, definition(event))
            with carrying(event.where):
                over = carried(probe, event, inner, down, found_size)
        except NotUnderstood as error:
            reasons.append(error.what)
            continue
        used = [over.up] if over.gate is None or over.gate is over.up else [over.gate, over.up]
        spec = MlpSpec(
            name=name,
            gate_name="" if over.gate is None else name_in(event, over.gate),
            up_name=name_in(event, over.up),
            down_name=name_in(event, down),
            activation=Value(CARRIED_OVER),
            intermediate_size=found_size,
            bias=bias_value(probe, used),
            down_bias=bias_value(probe, [down]),
            transposed=isinstance(down.module, Conv1D),
            carried=over.stretch,
            source=definition(event),
        )
        return Block(spec, x, output_of(down))
    shown = name or ", ".join(name_in(event, part) for part in parts or ())  # of the layer itself, without a block
    what = f"a feed-forward block that is neither act(gate(x)) * up(x) nor act(up(x)): {shown} ({event.name})"
    raise NotUnderstood(f"{what}; not carried over: {reasons[0]}" if reasons else what, definition(event))


def _before_norm(probe: Probe, event: Event, given: Array) -> Iterator[tuple[Array, tuple[str, NormSpec] | None]]:
    yield given, None
    for e in event.walk():
        if not norms.looks_like_norm(e) or e.result().a.size != given.size:
            continue
        if same(e.result().a.reshape(given.shape), given):
            yield e.tensors()[0].a.reshape(given.shape), (name_in(event, e), norms.identify(probe, e))


def _inners(probe: Probe, layers: Sequence[Event], given: Array) -> Iterator[_Inner]:
    outs = [output_of(layer) for layer in layers]
    for name in activation_order(probe):
        act = ACTIVATIONS[name]
        acted = [act(Tensor(out)).a for out in outs]
        for gate, up in permutations(range(len(layers)), 2):
            if outs[up].shape == given.shape == acted[gate].shape and same(acted[gate] * outs[up], given):
                yield _Inner(layers[gate], layers[up], name)
        for i, out in enumerate(outs):
            if out.shape == given.shape and same(acted[i], given):
                yield _Inner(None, layers[i], name)
            if out.shape[1] == 2 * given.shape[1]:
                first, second = np.split(out, 2, axis=1)
                if same(act(Tensor(first)).a * second, given):
                    yield _Inner(layers[i], layers[i], name)


def _with_parameters(event: Event, layers: Sequence[Event], given: Array) -> _Inner | None:
    """Return what an activation that has parameters makes ``given`` of, if it is of a known form."""
    for call in event.walk():
        parameters = {n: v.a for n, v in call.module.attributes.items() if isinstance(v, Tensor)} if call.module else {}
        if set(parameters) != set(XIELU_PARAMETERS):
            continue
        for layer in layers:
            out = output_of(layer)
            if out.shape == given.shape and same(xielu(out, **parameters), given):
                return _Inner(None, layer, XIELU, call)
    return None


def activation_order(probe: Probe) -> list[str]:
    """Return the names of activations, those that the config names first."""
    stated = [str(v) for k, v in probe.completed.items() if "act" in k and isinstance(v, str) and v in ACTIVATIONS]
    return list(dict.fromkeys([*stated, *ACTIVATIONS]))


def activation_value(probe: Probe, name: str) -> Value:
    """Return an activation with the config key that names it."""
    key = next((k for k, v in probe.completed.items() if "act" in k and v == name), None)
    return Value(name, key)
