"""Reads a block of grouped-query attention: norms on q and k, rotation, scale and mask; with projections and output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from scaffold.carried.refused import carrying
from scaffold.carried.spec import CarriedHeads, Stretch
from scaffold.expressions.tree import HEAD_DIM, Key
from scaffold.mixers.grouped_query.differential import check, differential
from scaffold.mixers.grouped_query.earlier import of_earlier
from scaffold.mixers.grouped_query.layout import projection_of, unbiased_of
from scaffold.mixers.grouped_query.output import output
from scaffold.mixers.grouped_query.spec import (
    AttentionSpec,
    GateSpec,
    ProjectionSpec,
    QkNormSpec,
    SlopesSpec,
    ValueNormSpec,
)
from scaffold.probing import norms, rotations, slopes
from scaffold.probing.attention_core import Core, caps, find, holds_attention, scale_value
from scaffold.probing.blocks import Block, definition, name_in
from scaffold.probing.heads import Path, Tracer
from scaffold.probing.numbers import explain
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import Selection, input_of, output_of, select
from scaffold.probing.rotations import listed
from scaffold.probing.values import bias_value, size_value
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import Conv1D
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.norms import NormSpec
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value

if TYPE_CHECKING:
    from scaffold.carried.heads import Attention


def reads(probe: Probe, event: Event) -> bool:
    """Return whether there is softmax attention in a call."""
    return holds_attention(event)


def read(probe: Probe, event: Event, name: str) -> Block[AttentionSpec]:
    """Read the attention block whose call is ``event``.

    Raises:
        NotUnderstood: part of it is of no known form.
    """
    core = find(event, caps(probe))
    tracer = Tracer(probe, event)
    core, subtracted = differential(probe, event, core, tracer)
    core = _with_scales_on_heads(core, tracer)
    heads, head_dim, v_head_dim = len(core.q), core.q.shape[2], core.v.shape[2]
    head_dim_value = size_value(probe, "head_dim", head_dim, event.where)
    num_heads = size_value(probe, "num_heads", heads, event.where)
    num_kv_heads = size_value(probe, "num_kv_heads", len(core.k), event.where)
    own_v_head_dim = head_dim_value if v_head_dim == head_dim else size_value(probe, "v_head_dim", v_head_dim)

    @lru_cache
    def attention() -> Attention:
        from scaffold.carried.heads import Attention, Numbers  # here, as most attentions are of a known form

        numbers = Numbers(num_heads, num_kv_heads, head_dim_value, own_v_head_dim)
        return Attention(probe, event, core, tracer, numbers)

    known, value_scale, carried = _projected(probe, event, core, tracer, attention)
    q, k, v = known
    x = input_of(q.selection.linear)
    for part in (k.selection.linear, v.selection.linear):
        if not same(input_of(part), x):
            raise NotUnderstood("projections of q, k and v with different inputs", event.where)
    core = _with_late_sinks(core, tracer)
    o_event, output_norm, gate, attended = _attended(probe, event, core, tracer, q.selection, attention)
    projection = projection_of(event, (q, k, v), gate is not None and gate.with_q)
    _read_apart(event, projection, carried, attended)
    linears = [part.selection.linear for part in (q, k, v)]
    unbiased = unbiased_of(event, linears, projection, gate)
    window, chunk = _mask(probe, core)
    spec = AttentionSpec(
        name=name,
        projection=projection,
        o_name=name_in(event, o_event),
        o_transposed=isinstance(o_event.module, Conv1D),
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        head_dim=head_dim_value,
        v_head_dim=own_v_head_dim,
        scale=scale_value(probe, core.scale, event, (head_dim, int(head_dim_value.value)), HEAD_DIM),
        qkv_bias=bias_value(probe, [linear for i, linear in enumerate(linears) if i not in unbiased]),
        o_bias=bias_value(probe, [o_event]),
        rope=_rope(probe, q, head_dim, head_dim_value) if carried is None else carried.rope,
        qk_norm=_qk_norm(probe, event, q, k),
        window=window,
        chunk=chunk,
        soft_cap=None if core.soft_cap is None else explain(probe, core.soft_cap),
        sinks=_sinks(event, core),
        slopes=_slopes(core),
        position_scale=None if q.scale is None else (q.scale[0].name, q.scale[1]),
        output_norm=output_norm,
        gate=gate,
        value_scale=value_scale,
        clip=tracer.clip,
        v_norm=_v_norm(probe, event, v),
        carried=carried,
        carried_output=attended,
        differential=subtracted,
        unbiased=unbiased,
        source=definition(event),
    )
    if subtracted is not None:
        check(spec)
    given = output_of(o_event)
    return Block(spec, x, given, listed(spec.rope), tuple(_with_outer_bias(event, spec, x, given)))


def _with_outer_bias(event: Event, spec: AttentionSpec, x: Array, given: Array) -> Iterator[Block[AttentionSpec]]:
    """Yield the block with a vector of its own added: a bias that the layer adds, not the linear layer."""
    assert event.module is not None
    for name, value in event.module.attributes.items():
        is_vector = isinstance(value, Tensor) and value.role and value.shape == given.shape[1:]
        if is_vector and not spec.o_bias.value:
            yield Block(replace(spec, o_bias=Value(True), o_bias_name=name), x, given + value.a, listed(spec.rope))


def _with_scales_on_heads(core: Core, tracer: Tracer) -> Core:
    """Move the usual scale from q or k to the scores, where sources multiply these by it, or both by its root.

    If either is known in no way after that, all stays as it is: what is carried over from the source has the factor.
    """
    usual, found = core.q.shape[2] ** -0.5, core
    for side in ("q", "k"):
        heads = getattr(core, side)
        if tracer.trace(heads) is not None:
            continue
        factor = next((one for one in (usual, usual**0.5) if tracer.trace(heads / one) is not None), None)
        if factor is None:
            return core
        found = replace(found, **{side: heads / factor}, scale=found.scale * factor)
    return found


def _with_late_sinks(core: Core, tracer: Tracer) -> Core:
    """Find sinks that are applied after the softmax: the output times ``sigmoid(normalizer - sink)`` is the same."""
    if core.slopes is not None or core.soft_cap is not None or core.sinks is not None:
        return core
    flat = np.swapaxes(core.out, 0, 1).reshape(NUM_TOKENS, -1)
    for linear in tracer.linears:
        given = input_of(linear)
        if given.shape != flat.shape or same(given, flat):
            continue
        factor = (given / flat).reshape(NUM_TOKENS, len(core.q), -1)
        if np.allclose(factor, factor[..., :1], rtol=1e-7) and np.all((factor > 0) & (factor < 1)):
            sinks = core.normalizer() - np.log(factor[..., 0] / (1 - factor[..., 0])).T
            if np.allclose(sinks, sinks[:, :1], rtol=1e-6, atol=1e-6):
                out = np.swapaxes(given.reshape(NUM_TOKENS, len(core.q), -1), 0, 1)
                return replace(core, sinks=np.asarray(sinks[:, 0]), out=out)
    return core


Projected = tuple[tuple[Path, Path, Path], "Value | None", "CarriedHeads | None"]


def _projected(probe: Probe, event: Event, core: Core, tracer: Tracer, attention: Callable[[], Attention]) -> Projected:
    """Return how q, k and v were made, a factor on v, and what is carried over from the source, where no idiom fits.

    Raises:
        NotUnderstood: what no idiom is for cannot be carried over either.
    """
    try:
        q, k = _traced(tracer, core.q, "q", event), _traced(tracer, core.k, "k", event)
        v, value_scale = _value(probe, tracer, core.v, event)
        if q.turn is not k.turn:
            raise NotUnderstood("a rotation of q that differs from that of k", event.where)
        if k.scale is not None:
            raise NotUnderstood("a factor on k that depends on the position", event.where)
        _qk_norm(probe, event, q, k)
        return (q, k, v), value_scale, None
    except NotUnderstood as error:
        tracer.clip = None
        try:
            with carrying(event.where):
                known, carried = attention().projected()
        except NotUnderstood as reason:
            earlier = of_earlier(probe, event, core)
            if earlier is not None:
                raise NotUnderstood(earlier, event.where) from reason
            raise _neither(error, reason) from reason
        return known, None, carried


def _read_apart(
    event: Event, projection: ProjectionSpec, carried: CarriedHeads | None, attended: Stretch | None
) -> None:
    """Check that carried statements read no projection of q, k or v but the one that their own boundary gives.

    Raises:
        NotUnderstood: they do.
    """
    stretches = [] if carried is None else [*carried.before, *carried.after]
    stretches += [] if attended is None else [attended]
    for linear in (one for stretch in stretches for one in stretch.linears):
        if linear.path in projection.names:
            raise NotUnderstood(f"{linear.path}, which is read for more than q, k or v", definition(event))


def _neither(error: NotUnderstood, reason: NotUnderstood) -> NotUnderstood:
    """Return a hole for which there is no idiom, with the reason why its statements are not carried over."""
    where = f" ({reason.where})" if reason.where and reason.where != error.where else ""
    return NotUnderstood(f"{error.what}; not carried over: {reason.what}{where}", error.where)


def _attended(
    probe: Probe, event: Event, core: Core, tracer: Tracer, q: Selection, attention: Callable[[], Attention]
) -> tuple[Event, tuple[str, NormSpec] | None, GateSpec | None, Stretch | None]:
    """Return the output projection, and what comes before it: a norm, a gate, or what is carried over.

    Raises:
        NotUnderstood: it is none of them.
    """
    try:
        return (*output(probe, event, core, tracer, q), None)
    except NotUnderstood as error:
        try:
            with carrying(event.where):
                linear, stretch = attention().attended()
        except NotUnderstood as reason:
            raise _neither(error, reason) from reason
        return linear, None, None, stretch


def _traced(tracer: Tracer, heads: Array, what: str, block: Event) -> Path:
    found = tracer.trace(heads)
    if found is None:
        doubt = rotations.doubt(tracer.probe)
        raise NotUnderstood(f"what happens to {what} between projection and attention{doubt}", definition(block))
    return found


def _value(probe: Probe, tracer: Tracer, heads: Array, block: Event) -> tuple[Path, Value | None]:
    found = tracer.unturned(heads)
    if found is not None:
        return found, None
    for key, number in probe.small.attributes.items():
        if isinstance(number, float) and number and "value" in key:
            selection = select(heads / number, tracer.linears)
            if selection is not None:
                return Path(selection), Value(probe.completed[key], key)
    raise NotUnderstood("what happens to v between projection and attention", definition(block))


def _rope(probe: Probe, path: Path, head_dim: int, real: Value) -> RopeSpec | None:
    return None if path.turn is None else rotations.rope_spec(probe, path.turn, head_dim, int(real.value))


def _qk_norm(probe: Probe, event: Event, q: Path, k: Path) -> QkNormSpec | None:
    if q.norm is None and k.norm is None:
        return None
    if q.norm is None or k.norm is None:
        raise NotUnderstood("a norm on only one of q and k", event.where)
    form = norms.identify(probe, q.norm)
    shape = (q.per_head, q.norm_is_first)
    if norms.identify(probe, k.norm) != form or shape != (k.per_head, k.norm_is_first):
        raise NotUnderstood("norms of q and k that differ", event.where)
    before = q.norm_is_first or q.turn is None
    if q.norms or k.norms:
        q_list, k_list = (_list_of_norms(probe, event, path, form) for path in (q, k))
        return QkNormSpec(q_list, k_list, form, per_head=True, before_rope=before, of_each=True)
    names = (name_in(event, q.norm), name_in(event, k.norm))
    return QkNormSpec(*names, form, q.per_head, before_rope=before)


def _list_of_norms(probe: Probe, event: Event, path: Path, form: NormSpec) -> str:
    """Return the list that has a norm for each head, in their order.

    Raises:
        NotUnderstood: there is no such list, or its norms are not of one form.
    """
    names = [name_in(event, norm) for norm in path.norms]
    of_list = names[0].rpartition(".")[0] if names else ""
    if not names or names != [f"{of_list}.{number}" for number in range(len(names))]:
        raise NotUnderstood("norms of heads that are not one list in the order of the heads", event.where)
    if any(norms.identify(probe, norm) != form for norm in path.norms):
        raise NotUnderstood("norms of heads that differ", event.where)
    return of_list


def _v_norm(probe: Probe, event: Event, v: Path) -> ValueNormSpec | None:
    if v.norm is None:
        return None
    if v.norms:
        raise NotUnderstood("norms of v of which each head has its own", event.where)
    return ValueNormSpec(name_in(event, v.norm), norms.identify(probe, v.norm), v.per_head)


def _mask(probe: Probe, core: Core) -> tuple[Value | None, Value | None]:
    """Return how many positions a token sees, None for all before it; and the length of chunks that it does not leave.

    Raises:
        NotUnderstood: the mask is neither causal, nor a sliding window, nor chunks.
    """
    index = np.arange(NUM_TOKENS)
    distance = index[:, None] - index[None, :]
    if np.array_equal(core.visible, distance >= 0):
        return None, None
    size = int(core.visible.sum(axis=1).max())
    if np.array_equal(core.visible, (distance >= 0) & (distance < size)):
        return _window(probe, size, core.where), None
    for size in range(2, NUM_TOKENS):
        if np.array_equal(core.visible, (distance >= 0) & (index[:, None] // size == index[None, :] // size)):
            return None, size_value(probe, "attention_chunk_size", size, core.where)
    raise NotUnderstood("a mask that is neither causal nor a sliding window nor chunks", core.where)


def _window(probe: Probe, size: int, where: str) -> Value:
    """Return how many positions a token sees, itself included: what the config names, or one more than that.

    Older releases of transformers count those before the token (``AttentionMaskConverter``), flash attention, too.

    Raises:
        NotUnderstood: it is no size of the config.
    """
    key = probe.key("sliding_window")
    small = None if key is None else probe.small.attributes.get(key)
    if key is not None and isinstance(small, int) and size == small + 1:
        return Value(int(probe.completed[key]) + 1, None, Key((key,)) + 1)
    return size_value(probe, "sliding_window", size, where)


def _sinks(event: Event, core: Core) -> str | None:
    if core.sinks is None:
        return None
    assert event.module is not None
    for name, value in event.module.attributes.items():
        is_parameter = isinstance(value, Tensor) and bool(value.role) and value.shape == core.sinks.shape
        if is_parameter and np.allclose(value.a, core.sinks, rtol=1e-6, atol=1e-6):
            return name
    raise NotUnderstood("an extra score that is not a parameter of the block", definition(event))


def _slopes(core: Core) -> SlopesSpec | None:
    if core.slopes is None:
        return None
    found = slopes.identify(core.slopes)
    if found is None or (abs(found[1] - 1) > 1e-6 and abs(found[1] / core.scale - 1) > 1e-6):
        raise NotUnderstood("a bias on attention scores that is not ALiBi's", core.where)
    return SlopesSpec(found[0], scaled=abs(found[1] - 1) > 1e-6)
