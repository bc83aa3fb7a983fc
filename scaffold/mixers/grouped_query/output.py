"""Reads what stands between attention and its output projection: nothing, a norm, or a gate."""

from __future__ import annotations

import numpy as np

from scaffold.mixers.grouped_query.spec import GateSpec
from scaffold.probing import norms
from scaffold.probing.attention_core import Core
from scaffold.probing.blocks import definition, name_in
from scaffold.probing.heads import Tracer
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import Selection, input_of, output_of
from scaffold.probing.values import bias_value
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch import torch_ops
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array
from scaffold.spec.norms import NormSpec

Output = tuple[Event, "tuple[str, NormSpec] | None", "GateSpec | None"]


def output(probe: Probe, event: Event, core: Core, tracer: Tracer, q: Selection) -> Output:
    """Return the output projection, with a norm or a gate before it.

    Raises:
        NotUnderstood: what it is given is none of these.
    """
    flat = np.swapaxes(core.out, 0, 1).reshape(NUM_TOKENS, -1)
    after = [e for e in tracer.linears if input_of(e).shape == flat.shape]
    for linear in after:
        if same(input_of(linear), flat):
            return linear, None, None
    for norm in tracer.norms:
        if norm.result().a.size == flat.size and same(norm.tensors()[0].a.reshape(flat.shape), flat):
            for linear in after:
                if same(input_of(linear), norm.result().a.reshape(flat.shape)):
                    return linear, (name_in(event, norm), norms.identify(probe, norm)), None
    for linear in after:
        gate = _gate(probe, event, input_of(linear), flat, core, tracer) or _gate_with_q(
            probe, event, input_of(linear), flat, q
        )
        if gate is not None:
            return linear, None, gate
    raise NotUnderstood("what happens between the attention and its output projection", definition(event))


def _gate(probe: Probe, event: Event, given: Array, flat: Array, core: Core, tracer: Tracer) -> GateSpec | None:
    heads, size = core.out.shape[0], core.out.shape[2]
    for linear in tracer.linears:
        out = output_of(linear)
        for per_head in (True, False):
            if out.shape[1] != (heads if per_head else heads * size):
                continue
            factor = torch_ops.sigmoid(np.repeat(out, size, axis=1) if per_head else out)
            if same(flat * factor, given):
                return GateSpec(name_in(event, linear), per_head, bias_value(probe, [linear]))
    return None


def _gate_with_q(probe: Probe, event: Event, given: Array, flat: Array, q: Selection) -> GateSpec | None:
    """Return a gate of which the layer of q gives an entry for each of q's, head by head or all behind all of q."""
    heads, size = q.columns.shape
    out, columns = output_of(q.linear), np.arange(2 * q.columns.size)
    if out.shape[1] != columns.size or flat.shape[1] != q.columns.size:
        return None
    for in_halves, (of_q, of_gate) in enumerate(
        (columns.reshape(heads, 2, size).swapaxes(0, 1), columns.reshape(2, heads, size))
    ):
        gated = flat * torch_ops.sigmoid(out[:, of_gate.ravel()])
        if np.array_equal(q.columns, of_q) and same(gated, given):
            name, bias = name_in(event, q.linear), bias_value(probe, [q.linear])
            return GateSpec(name, False, bias, with_q=True, in_halves=bool(in_halves))
    return None
