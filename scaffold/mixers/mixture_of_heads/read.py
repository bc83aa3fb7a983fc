"""Reads a mixture of attention heads.

How a source gathers the tokens of each expert does not matter: what all experts would make of all tokens is computed
from their weights. Each head of q that the attention was given names the expert that made it; then the factors with
which the chosen experts' outputs add up to the block's are solved for, and these are the router's weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scaffold.expressions.tree import HEAD_DIM
from scaffold.feed_forwards.experts.router import read_router
from scaffold.mixers.mixture_of_heads.spec import MixtureOfHeadsSpec
from scaffold.probing import rotations
from scaffold.probing.again import CAPACITY, has_capacity
from scaffold.probing.attention_core import Core, caps, find, holds_attention, scale_value
from scaffold.probing.blocks import Block, definition, name_in, output_biases
from scaffold.probing.heads import Path, Tracer
from scaffold.probing.numeric import TOLERANCE, same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import input_of, is_plain, output_of, packing
from scaffold.probing.values import bias_value, size_value
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array


@dataclass(frozen=True)
class _Experts:
    """Weights of q ``[experts, width, hidden]`` and of the output ``[experts, hidden, width]``, and how they lie."""

    q: Array
    o: Array
    q_name: str
    o_name: str
    q_transposed: bool
    o_transposed: bool


@dataclass(frozen=True)
class _Heads:
    """What the attention was given and gave, by KV heads.

    Attributes:
        k: of each KV head the tokens' keys, ``[kv_heads, tokens, head_dim]``.
        v: as ``k``.
        of: the KV head of each head of q.
    """

    k: Array
    v: Array
    of: Array


def reads(probe: Probe, event: Event) -> bool:
    """Return whether there is softmax attention in a call, and weights of experts that may be around it."""
    return holds_attention(event) and next(_experts(event), None) is not None


def read(probe: Probe, event: Event, name: str) -> Block[MixtureOfHeadsSpec]:
    """Read the block whose call is ``event``.

    Raises:
        NotUnderstood: part of it is of no known form.
    """
    core, where = find(event, caps(probe)), definition(event)
    _plain_scores(core, where)
    heads, head_dim = _by_kv_heads(core), core.q.shape[2]
    tracer = Tracer(probe, event)
    k, v = tracer.trace(heads.k), tracer.unturned(heads.v)
    for path, what in ((k, "k"), (v, "v")):
        if path is None or path.norm is not None or path.scale is not None or tracer.clip is not None:
            doubt = rotations.doubt(probe)
            raise NotUnderstood(f"what happens to {what} between projection and attention{doubt}", where)
    assert k is not None
    assert v is not None
    x = input_of(k.selection.linear)
    if not same(input_of(v.selection.linear), x):
        raise NotUnderstood("projections of q, k and v with different inputs", where)
    q = core.q if k.turn is None else k.turn.undo(core.q)
    experts, chosen = _chosen(event, x, q, heads, where)
    given = event.result().a.reshape(NUM_TOKENS, -1)
    weights, o_bias = _weights(event, experts, core, heads, chosen, given)
    router = read_router(probe, event, x, weights)
    if router.carried is not None or router.correction_bias is not None or router.num_groups is not None:
        what = "no idiom yet for a mixture of heads whose router corrects or groups the choice, or changes the logits"
        raise NotUnderstood(what, where)
    if has_capacity(probe, event):
        raise NotUnderstood(CAPACITY.format(event.name), where)
    head_dim_value = size_value(probe, "head_dim", head_dim, where)
    linears = list({id(one): one for one in (k.selection.linear, v.selection.linear)}.values())
    spec = MixtureOfHeadsSpec(
        name=name,
        q_name=experts.q_name,
        o_name=experts.o_name,
        q_transposed=experts.q_transposed,
        o_transposed=experts.o_transposed,
        kv_names=_kv_names(event, k, v),
        kv_bias=bias_value(probe, linears),
        o_bias=o_bias,
        num_experts=size_value(probe, "num_experts", len(experts.q), where),
        num_kv_heads=size_value(probe, "num_kv_heads", len(heads.k), where),
        head_dim=head_dim_value,
        scale=scale_value(probe, core.scale, event, (head_dim, int(head_dim_value.value)), HEAD_DIM),
        rope=None if k.turn is None else rotations.rope_spec(probe, k.turn, head_dim, int(head_dim_value.value)),
        router=router,
        source=where,
    )
    _nothing_else(event, spec)
    return Block(spec, x, given, rotations.listed(spec.rope))


def _experts(event: Event) -> Iterator[_Experts]:
    """Yield the pairs of saved tensors that may be experts' projections to q and to the output.

    Both are ``[experts, …]``, and of their other axes one is the hidden size and one is as long in both.
    """
    if event.module is None or not event.tensors():
        return
    hidden = event.tensors()[0].a.shape[-1]
    tensors = ((name, value.a) for name, value in event.module.saved_tensors())
    stacks = {name: value for name, value in tensors if value.ndim == 3 and min(value.shape) > 1}
    for q_name, q in stacks.items():
        for o_name, o in stacks.items():
            if q_name == o_name or len(q) != len(o) or sorted(q.shape[1:]) != sorted(o.shape[1:]):
                continue
            q_transposed, o_transposed = q.shape[1] == hidden, o.shape[2] == hidden
            of_q = np.swapaxes(q, 1, 2) if q_transposed else q
            of_o = np.swapaxes(o, 1, 2) if o_transposed else o
            if of_q.shape[2] == of_o.shape[1] == hidden:
                yield _Experts(of_q, of_o, q_name, o_name, q_transposed, o_transposed)


def _plain_scores(core: Core, where: str) -> None:
    """Check that scores are a scaled product and nothing more, and that tokens see all before them.

    Raises:
        NotUnderstood: it is not so.
    """
    if core.slopes is not None or core.sinks is not None or core.soft_cap is not None:
        raise NotUnderstood("a mixture of heads with a bias, sinks or a soft cap on scores", where)
    index = np.arange(NUM_TOKENS)
    if not np.array_equal(core.visible, index[:, None] >= index[None, :]):
        raise NotUnderstood("a mixture of heads with a mask that is not causal", where)
    if core.v.shape[2] != core.q.shape[2]:
        raise NotUnderstood("a mixture of heads whose values have another size than its keys", where)


def _by_kv_heads(core: Core) -> _Heads:
    """Return the different heads of k and v, wherever heads of q that share one lie."""
    count = len(core.q) // len(core.k)
    k, v = (np.repeat(one, count, axis=0) for one in (core.k, core.v))
    first: list[int] = []
    of: list[int] = []
    for head in range(len(k)):
        known = next((i for i, one in enumerate(first) if same(k[one], k[head]) and same(v[one], v[head])), None)
        if known is None:
            known = len(first)
            first.append(head)
        of.append(known)
    return _Heads(k[first], v[first], np.array(of))


def _chosen(event: Event, x: Array, q: Array, heads: _Heads, where: str) -> tuple[_Experts, Array]:
    """Return the experts, and which of them made each head of q ``[heads, tokens, head_dim]``: ``[heads, tokens]``.

    Raises:
        NotUnderstood: none did, or a token does not have one head of each chosen expert for each head of k.
    """
    kv_heads, size = len(heads.k), q.shape[2]
    for experts in _experts(event):
        if experts.q.shape[1] != kv_heads * size:
            continue
        made = np.einsum("th,eqh->etq", x, experts.q).reshape(len(experts.q), NUM_TOKENS, kv_heads, size)
        distance = np.abs(np.moveaxis(made[:, :, heads.of], 2, 1) - q).max(axis=-1)  # [experts, heads, tokens]
        if distance.min(axis=0).max() > TOLERANCE * np.abs(q).max():
            continue
        chosen = distance.argmin(axis=0)
        sets = [np.sort(chosen[heads.of == head], axis=0) for head in range(kv_heads)]
        is_even = len({one.shape for one in sets}) == 1
        if not is_even or any((one != sets[0]).any() for one in sets) or (np.diff(sets[0], axis=0) == 0).any():
            raise NotUnderstood("a mixture of heads that chooses experts for some of the heads of k and v only", where)
        return experts, chosen
    raise NotUnderstood("a mixture of heads whose q is not what experts make of the input", where)


def _weights(
    event: Event, experts: _Experts, core: Core, heads: _Heads, chosen: Array, given: Array
) -> tuple[Array, str]:
    """Return the weights of the chosen experts in what a block gives, ``[tokens, experts]``, and the bias's name.

    Raises:
        NotUnderstood: it is no weighted sum of what they project their own heads to.
    """
    count, hidden, _ = experts.o.shape
    kv_heads, size = len(heads.k), core.out.shape[2]
    own = np.zeros((NUM_TOKENS, count, kv_heads, size))  # what each expert projects, zeros if it was not chosen
    tokens = np.arange(NUM_TOKENS)
    for head, kv_head in enumerate(heads.of):
        own[tokens, chosen[head], kv_head] = core.out[head]
    outputs = np.einsum("teq,ehq->teh", own.reshape(NUM_TOKENS, count, -1), experts.o)
    for bias_name, bias in output_biases(event, hidden):
        found = _solved(outputs, given - bias, chosen)
        if found is not None:
            return found, bias_name
    what = "a mixture of heads whose output is not the sum of what the chosen experts make of their heads"
    raise NotUnderstood(what, definition(event))


def _solved(outputs: Array, wanted: Array, chosen: Array) -> Array | None:
    """Return the weights ``[tokens, experts]`` with which the chosen experts' outputs add up to ``wanted``, or None.

    Args:
        outputs: ``[tokens, experts, hidden]``.
        wanted: ``[tokens, hidden]``.
        chosen: ``[heads, tokens]``.
    """
    weights = np.zeros(outputs.shape[:2])
    for token, matrix in enumerate(outputs):
        own = np.unique(chosen[:, token])
        weights[token, own] = np.linalg.lstsq(matrix[own].T, wanted[token], rcond=None)[0]
    return weights if same(np.einsum("te,teh->th", weights, outputs), wanted) else None


def _kv_names(event: Event, k: Path, v: Path) -> tuple[str, ...]:
    """Return the layers of k and of v, or the one that holds both, k first.

    Raises:
        NotUnderstood: they lie in another way.
    """
    paths = [k.selection, v.selection]
    names = tuple(name_in(event, one.linear) for one in paths)
    if names[0] != names[1] and all(map(is_plain, paths)):
        return names
    if names[0] == names[1]:
        found = packing([one.columns for one in paths], output_of(paths[0].linear).shape[1])
        if found is not None and (found.groups, found.order) == (1, (0, 1)):
            return names[:1]
    raise NotUnderstood("a layout of k and v in their projections", definition(event))


def _nothing_else(event: Event, spec: MixtureOfHeadsSpec) -> None:
    """Check that the block has no weights but those read.

    Raises:
        NotUnderstood: it has; names the first.
    """
    assert event.module is not None
    router = spec.router.name
    read = {spec.q_name, spec.o_name, spec.o_bias, f"{router}.{spec.router.weight_name}"}
    read |= {f"{router}.bias"} if spec.router.bias else set()
    read |= {f"{name}.{what}" for name in spec.kv_names for what in ("weight", "bias")}
    others = [name for name, _ in event.module.saved_tensors() if name not in read]
    if others:
        raise NotUnderstood(f"a mixture of heads with other weights in it ({others[0]})", definition(event))
