"""Reads a block of multi-head latent attention (MLA), as DeepSeek-V2 introduced it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scaffold.expressions.tree import Name
from scaffold.mixers.latent.spec import LatentAttentionSpec
from scaffold.probing import norms, rotations
from scaffold.probing.attention_core import Core, caps, find, holds_attention, scale_value
from scaffold.probing.blocks import Block, definition, name_in
from scaffold.probing.heads import Tracer
from scaffold.probing.numbers import explain
from scaffold.probing.numeric import TOLERANCE, same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import Selection, input_of, linears, output_of, select
from scaffold.probing.rotations import Turn
from scaffold.probing.values import bias_value, size_value
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array
from scaffold.spec.norms import NormSpec
from scaffold.spec.values import ONE, Value

QK_HEAD_DIM = Name("qk_head_dim")
"""Entries of each head of q and k: those that turn, and those that do not."""


def reads(probe: Probe, event: Event) -> bool:
    """Return whether there is softmax attention in a call, and a projection to a latent and the rotated part of k."""
    if not holds_attention(event) or probe.key("kv_lora_rank") is None:
        return False
    width = _size(probe, "kv_lora_rank") + _size(probe, "qk_rope_head_dim")
    return any(output_of(linear).shape[1] == width for linear in linears(event))


def read(probe: Probe, event: Event, name: str) -> Block[LatentAttentionSpec]:
    """Read the block whose call is ``event``.

    Raises:
        NotUnderstood: part of it is of no known form.
    """
    core = find(event, caps(probe))
    tracer = Tracer(probe, event)
    where = definition(event)
    if core.slopes is not None or core.sinks is not None or core.soft_cap is not None:
        raise NotUnderstood("latent attention with a bias, sinks or a soft cap", where)
    index = np.arange(NUM_TOKENS)
    if not np.array_equal(core.visible, index[:, None] >= index[None, :]):
        raise NotUnderstood("latent attention with a mask that is not causal", where)
    heads, nope, rope_dim = len(core.q), _size(probe, "qk_nope_head_dim"), _size(probe, "qk_rope_head_dim")
    v_dim, rank = core.v.shape[2], _size(probe, "kv_lora_rank")
    if core.q.shape[2] != nope + rope_dim or len(core.k) != heads:
        raise NotUnderstood("latent attention whose heads are not of the sizes that the config has", where)
    q_factor = _factor(core.q, nope, tracer)
    core = core if q_factor == 1 else replace(core, q=core.q / q_factor)
    turn, parts = _rotated(probe, tracer, core, nope, where)
    k_nope, v = _plain(tracer, core.k[..., :nope], "k", where), _plain(tracer, core.v, "v", where)
    kv_a, kv_b = parts[1].linear, k_nope.linear
    lanes = np.arange(heads * (nope + v_dim)).reshape(heads, nope + v_dim)
    fits = np.array_equal(k_nope.columns, lanes[:, :nope]) and np.array_equal(v.columns, lanes[:, nope:])
    if v.linear is not kv_b or not fits or not np.array_equal(parts[1].columns[0], rank + np.arange(rope_dim)):
        raise NotUnderstood("a layout of k and v in their projections", where)
    kv_norm, kv_scale = _normed(probe, event, tracer, output_of(kv_a)[:, :rank], input_of(kv_b))
    q = _plain(tracer, core.q[..., :nope], "q", where)
    whole = np.arange(heads * (nope + rope_dim)).reshape(heads, nope + rope_dim)
    if parts[0].linear is not q.linear or not np.array_equal(np.concatenate([q.columns, parts[0].columns], 1), whole):
        raise NotUnderstood("a layout of q in its projection", where)
    x = input_of(kv_a)
    query = _query(probe, event, tracer, q.linear, kv_a)
    flat = np.swapaxes(core.out, 0, 1).reshape(NUM_TOKENS, -1)
    output = next((e for e in tracer.linears if input_of(e).shape == flat.shape and same(input_of(e), flat)), None)
    if output is None:
        raise NotUnderstood("what happens between the attention and its output projection", where)
    nope_value, rope_value = (
        size_value(probe, "qk_nope_head_dim", nope, where),
        size_value(probe, "qk_rope_head_dim", rope_dim),
    )
    sizes = (nope + rope_dim, int(nope_value.value) + int(rope_value.value))
    spec = LatentAttentionSpec(
        name=name,
        q_names=tuple(name_in(event, linear) for linear in query.linears),
        q_norm=query.norm,
        kv_a_name=name_in(event, kv_a),
        kv_norm=kv_norm,
        kv_b_name=name_in(event, kv_b),
        o_name=name_in(event, output),
        num_heads=size_value(probe, "num_heads", heads, where),
        qk_nope_head_dim=nope_value,
        qk_rope_head_dim=rope_value,
        v_head_dim=size_value(probe, "v_head_dim", v_dim, where),
        q_lora_rank=None
        if query.norm is None
        else size_value(probe, "q_lora_rank", input_of(q.linear).shape[1], where),
        kv_lora_rank=size_value(probe, "kv_lora_rank", rank, where),
        scale=scale_value(probe, core.scale, event, sizes, QK_HEAD_DIM),
        q_scale=_times(probe, query.scale, q_factor, where),
        kv_scale=kv_scale,
        bias=bias_value(probe, [kv_a, *query.linears[:-1]]),
        o_bias=bias_value(probe, [output]),
        rope=rotations.rope_spec(probe, turn, rope_dim, int(rope_value.value)),
        num_kv_heads=size_value(probe, "num_heads", heads, where),
        source=where,
    )
    _nothing_else(event, spec)
    return Block(spec, x, output_of(output), rotations.listed(spec.rope))


def _nothing_else(event: Event, spec: LatentAttentionSpec) -> None:
    """Check that the block has no weights but those read: an indexer chooses all of a probe's few tokens.

    Raises:
        NotUnderstood: it has; names the first.
    """
    norms_read = [norm[0] for norm in (spec.q_norm, spec.kv_norm) if norm is not None]
    read = {*spec.q_names, *norms_read, spec.kv_a_name, spec.kv_b_name, spec.o_name}
    names = [] if event.module is None else [name for name, _ in event.module.saved_tensors()]
    others = [name for name in names if not any(name.startswith(f"{known}.") for known in read)]
    if others:
        raise NotUnderstood(f"latent attention with other weights in it ({others[0]})", definition(event))


def _size(probe: Probe, role: str) -> int:
    key = probe.key(role)
    if key is None:
        raise NotUnderstood(f"latent attention without {role} in the config")
    return int(probe.small.attributes[key])


@dataclass(frozen=True)
class _Query:
    """How q is made: by one linear layer, or by two around a norm, with a factor on what the norm gives."""

    linears: tuple[Event, ...]
    norm: tuple[str, NormSpec] | None = None
    scale: Value = ONE


def _query(probe: Probe, event: Event, tracer: Tracer, last: Event, kv_a: Event) -> _Query:
    """Return the layers from the block's input, which ``kv_a`` has too, to q, the last of which is given."""
    x = input_of(kv_a)
    if same(input_of(last), x):
        return _Query((last,))
    first = next((e for e in tracer.linears if same(input_of(e), x) and e is not kv_a), None)
    if first is None:
        raise NotUnderstood("a projection of q that does not start from the block's input", definition(event))
    norm, scale = _normed(probe, event, tracer, output_of(first), input_of(last))
    return _Query((first, last), norm, scale)


def _rotated(
    probe: Probe, tracer: Tracer, core: Core, nope: int, where: str
) -> tuple[Turn, tuple[Selection, Selection]]:
    """Return the rotation of the last part of q and k, and the columns they come from.

    Sources that rotate interleaved pairs may leave them sorted (all first ones, then all second ones) in q and k
    alike, which no score tells from the pairs in place.
    """
    q, k = core.q[..., nope:], core.k[:1, :, nope:]
    size = q.shape[-1]
    pairs = np.concatenate([np.arange(0, size, 2), np.arange(1, size, 2)])
    for arrange in (np.arange(size), np.argsort(pairs)):
        for turn in rotations.turns(probe, size, NUM_TOKENS):
            found = [select(turn.undo(heads[..., arrange]), tracer.linears) for heads in (q, k)]
            if found[0] is None or found[1] is None:
                continue
            if all(_ascending(selection.columns) for selection in found if selection is not None):
                return turn, (found[0], found[1])
    raise NotUnderstood(f"what happens to the rotated part of q and k{rotations.doubt(probe)}", where)


def _factor(q: Array, nope: int, tracer: Tracer) -> float:
    """Return the number that multiplies heads of q ``[heads, tokens, size]`` behind their projection, 1 if none does.

    It is that of the entries that do not turn: whether those that turn have it too, undoing their rotation shows.
    """
    heads, tokens, size = q.shape
    for linear in tracer.linears:
        if output_of(linear).shape[1] != heads * size:
            continue
        plain = np.swapaxes(output_of(linear).reshape(tokens, heads, size), 0, 1)[..., :nope]
        factor = float(np.vdot(plain, q[..., :nope]) / np.vdot(plain, plain)) if plain.any() else 0.0
        if factor and abs(factor - 1) > TOLERANCE and same(plain * factor, q[..., :nope]):
            return factor
    return 1.0


def _times(probe: Probe, scale: Value, factor: float, where: str) -> Value:
    """Return a factor on the latent of q times one on its heads, which a projection without a bias lets through.

    Raises:
        NotUnderstood: no key gives the latter.
    """
    if factor == 1:
        return scale
    found = explain(probe, factor)
    if found is None:
        raise NotUnderstood(f"a factor of {factor:g} on q that no config key gives", where)
    return found if scale.value == 1 else Value(scale.value * found.value, None, scale.tree * found.tree)


def _ascending(columns: Array) -> bool:
    return bool(np.all(np.diff(columns, axis=1) == 1))


def _plain(tracer: Tracer, heads: Array, what: str, where: str) -> Selection:
    found = select(heads, tracer.linears)
    if found is None:
        raise NotUnderstood(f"what happens to {what} between projection and attention", where)
    return found


def _normed(
    probe: Probe, event: Event, tracer: Tracer, given: Array, wanted: Array
) -> tuple[tuple[str, NormSpec], Value]:
    """Return the norm between two projections, and a factor after it."""
    for norm in tracer.norms:
        if not same(norm.tensors()[0].a.reshape(NUM_TOKENS, -1), given):
            continue
        out = norm.result().a.reshape(NUM_TOKENS, -1)
        factor = float(np.vdot(out, wanted) / np.vdot(out, out)) if out.shape == wanted.shape else 0.0
        scale = explain(probe, factor) if factor and same(out * factor, wanted) else None
        if scale is not None:
            return (name_in(event, norm), norms.identify(probe, norm)), scale
    raise NotUnderstood("what happens between the projections of latent attention", definition(event))
