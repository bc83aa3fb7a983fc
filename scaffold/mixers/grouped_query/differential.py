"""Reads differential attention: two attentions over the same q and k, of which one is subtracted from the other.

Each half of the KV heads' values is mixed by all heads. Of the heads of a pair, one in each half, the second's outputs
are subtracted from the first's with a learned factor, and what is left is normalised.
"""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import permutations

import numpy as np

from scaffold.mixers.grouped_query.spec import INITIAL_LAMBDA, AttentionSpec, DifferentialSpec
from scaffold.probing import norms
from scaffold.probing.attention_core import Core, caps, find, kv_heads
from scaffold.probing.blocks import definition, name_in
from scaffold.probing.heads import Tracer
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import input_of
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array, Tensor

ALONE = ("name", "o_name", "num_heads", "num_kv_heads", "head_dim", "v_head_dim", "scale", "qkv_bias", "o_bias", "rope",
         "window", "soft_cap", "differential", "source")  # fmt: skip
"""What an attention may have beside it."""


LENGTH = 1.1
"""Of the learned vectors in a second run: they show, and so does what is added to their exponentials."""


def differential(probe: Probe, event: Event, core: Core, tracer: Tracer) -> tuple[Core, DifferentialSpec | None]:
    """Return the attention as if it were one, its output what the output projection is given; and what makes it that.

    Any other attention stays as it is.

    Raises:
        NotUnderstood: two attentions share q and k, and are put together in no known way.
    """
    usual, core = core, _as_two(core)
    heads, rest = divmod(len(core.q), 2)
    keys = _of_each(core.k, core)
    if rest or not (same(core.q[:heads], core.q[heads:]) and same(keys[:heads], keys[heads:])):
        return usual, None
    half, rest = divmod(heads, 2)
    values = _of_each(core.v, core).reshape(2, heads, *core.v.shape[1:])
    where = definition(event)
    if rest or not same(values[:, :half], values[:, half:]):
        if core is not usual:
            return usual, None
        raise NotUnderstood("two attentions that share q and k, and not each with half of the values", where)
    found = _form(probe, event)
    given = [] if found is None else [one for one in tracer.linears if one.module is found[1].module]
    if found is None or len(given) != 1:
        raise NotUnderstood("how two attentions that share q and k become one output", where)
    v = values[:, :half].reshape(heads, *core.v.shape[1:])
    group, rest = divmod(heads, kv_heads(keys[:heads], v))
    if rest or half % group:
        raise NotUnderstood("two attentions that share q and k, with an odd number of KV heads", where)
    out = np.swapaxes(input_of(given[0]).reshape(NUM_TOKENS, heads, -1), 0, 1)
    return replace(core, q=core.q[:heads], k=keys[:heads:group], v=v[::group], out=out), found[0]


def _as_two(core: Core) -> Core:
    """Return one attention over values of two heads' entries as two, of which each has one head's; else the same."""
    size = core.q.shape[2]
    if core.v.shape[2] != 2 * size:
        return core
    v, out = (np.concatenate([one[..., :size], one[..., size:]]) for one in (core.v, core.out))
    q, k = (np.concatenate([one, one]) for one in (core.q, core.k))
    return replace(core, q=q, k=k, v=v, out=out)


def _of_each(array: Array, core: Core) -> Array:
    """Return keys or values for each head of q."""
    return np.repeat(array, len(core.q) // len(array), axis=0)


def check(spec: AttentionSpec) -> None:
    """Check that there is an idiom for what a differential attention has besides.

    Raises:
        NotUnderstood: there is none.
    """
    usual = {one.name: one.default for one in fields(spec)}
    usual |= {"qk_norm": None, "o_transposed": False, "projection": spec.projection}
    others = [name for name, value in usual.items() if name not in ALONE and getattr(spec, name) != value]
    projection = spec.projection
    plain = len(set(projection.names)) == 3 and not projection.transposed
    if others or not plain or spec.v_head_dim != spec.head_dim:
        raise NotUnderstood("no idiom yet for two attentions that share q and k with more than a mask", spec.source)


def _form(probe: Probe, event: Event) -> tuple[DifferentialSpec, Event] | None:
    """Return the form of a block, and its output projection as it is called in a second run; None if it is another."""
    again = _with_short_vectors(probe, event)
    core, tracer = _as_two(find(again, caps(probe))), Tracer(probe, again)
    pairs = len(core.out) // 4
    outputs = core.out.reshape(2, 2, pairs, NUM_TOKENS, -1)  # halves of the values, of the heads
    first, second = outputs.transpose(1, 3, 2, 0, 4).reshape(2, NUM_TOKENS, pairs, -1)
    initial = INITIAL_LAMBDA.number(_layer(probe, event))
    for norm in tracer.norms:
        given, out = (_tokens_first(one.a, pairs) for one in (norm.tensors()[0], norm.result()))
        if given is None or out is None or given.shape != first.shape:
            continue
        factor = float(np.sum((first - given) * second) / np.sum(second**2))
        names = _vectors(event, factor - initial) if same(first - factor * second, given) else None
        for linear in tracer.linears if names is not None else ():
            if _is_given(linear, (1 - initial) * out):
                assert names is not None
                return DifferentialSpec(names, name_in(again, norm), norms.identify(probe, norm)), linear
    return None


def _with_short_vectors(probe: Probe, event: Event) -> Event:
    """Return the call of a block as it is with short vectors: exponentials of those of a probe outweigh all else.

    Raises:
        NotUnderstood: it does not run with them.
    """
    vectors = _own_vectors(event)
    kept = {name: np.array(one.a) for name, one in vectors.items()}
    interpreter = probe.interpreter
    try:
        for one in vectors.values():
            one.a[...] *= LENGTH / np.linalg.norm(one.a)
        interpreter.call(event.module, list(event.args), dict(event.kwargs), event.where)
        event = interpreter.watched.pop()
    finally:
        for name, one in vectors.items():
            one.a[...] = kept[name]
    return event


def _own_vectors(event: Event) -> dict[str, Tensor]:
    """Return the vectors that a block itself learns, and not a layer in it."""
    assert event.module is not None
    own = event.module.attributes.items()
    return {name: one for name, one in own if isinstance(one, Tensor) and one.role == "parameter" and one.ndim == 1}


def _tokens_first(array: Array, pairs: int) -> Array | None:
    """Return ``[tokens, pairs, entries]`` of what has these axes, in any order of the first two; None of all else."""
    found = array.reshape(array.shape[-3:]) if array.size == np.prod(array.shape[-3:]) else array
    if found.ndim == 3 and found.shape[:2] == (pairs, NUM_TOKENS):
        return np.swapaxes(found, 0, 1)
    return found if found.ndim == 3 and found.shape[:2] == (NUM_TOKENS, pairs) else None


def _is_given(linear: Event, values: Array) -> bool:
    given = input_of(linear)
    return given.size == values.size and same(given.reshape(NUM_TOKENS, -1), values.reshape(NUM_TOKENS, -1))


def _layer(probe: Probe, event: Event) -> int:
    """Return the number of the block's layer."""
    return next(int(part) for part in probe.path(event.module).split(".") if part.isdigit())


def _vectors(event: Event, learned: float) -> tuple[str, str, str, str] | None:
    """Return the vectors, brought to one length, of which the learned factor is made: ``exp(a * b) - exp(c * d)``."""
    vectors = {name: LENGTH * one.a / np.linalg.norm(one.a) for name, one in _own_vectors(event).items()}
    for names in permutations(vectors, 4):
        a, b, c, d = (vectors[name] for name in names)
        if a.shape == b.shape and c.shape == d.shape and abs(np.exp(a @ b) - np.exp(c @ d) - learned) < 1e-9:
            return names
    return None
