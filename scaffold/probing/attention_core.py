"""Finds the softmax attention inside of a block's call, whatever function it is written in.

The mark of attention is a softmax over scores ``[heads, tokens, tokens]``. From there one looks back to the
product of q and k, and ahead to the product with v; what happens between is fitted to the forms that vLLM's
``Attention`` computes: a scale, a soft cap, ALiBi slopes, sinks, a mask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.tree import Expression, Key, Log
from scaffold.probing.blocks import definition
from scaffold.probing.numbers import explain
from scaffold.probing.numeric import TOLERANCE, same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.products import PRODUCTS, pair
from scaffold.probing.rotations import candidates
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.operations import Operation, tensors_in
from scaffold.source.torch.ops.products import MASKED
from scaffold.source.torch.ops.reductions import softmax
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.values import Value

HIDDEN_SCORE = -5e3
"""Masks add some -1e4, -1e9 or the smallest number of a dtype; no score of a probe comes near."""
FUSED = "scaled_dot_product_attention"
FUSED_ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")
USUAL_CAPS = (50.0, 30.0)


@dataclass(frozen=True)
class Core:
    """What the attention took and gave.

    Attributes:
        q: ``[heads, tokens, head_dim]``.
        k: ``[kv_heads, tokens, head_dim]``.
        v: ``[kv_heads, tokens, v_head_dim]``.
        out: ``[heads, tokens, v_head_dim]``.
        scale: by which the product of q and k is multiplied.
        soft_cap: ``cap * tanh(score / cap)``.
        slopes: ALiBi, one per head.
        sinks: one score per head that takes its share of the softmax.
        visible: ``[tokens, tokens]``.
    """

    q: Array
    k: Array
    v: Array
    out: Array
    scale: float
    soft_cap: float | None
    slopes: Array | None
    sinks: Array | None
    visible: Array
    where: str

    def normalizer(self) -> Array:
        """Return the logarithm of the sum of exponentials of each token's scores, ``[heads, tokens]``."""
        group = len(self.q) // len(self.k)
        scores = self.scale * self.q @ np.swapaxes(np.repeat(self.k, group, axis=0), 1, 2)
        return np.asarray(np.log(np.where(self.visible, np.exp(scores), 0.0).sum(axis=-1)))


def holds_attention(event: Event) -> bool:
    """Return whether there is softmax attention in a call."""
    return any(_is_softmax(op) or op.name == FUSED for op in event.all_operations())


def find(event: Event, caps: tuple[float, ...]) -> Core:
    """Return the attention in a block's call.

    Args:
        event: the call.
        caps: numbers of the config that may be a soft cap.

    Raises:
        NotUnderstood: there is none, more than one, or it is more than vLLM's ``Attention`` computes.
    """
    operations = list(event.all_operations())
    places = [i for i, op in enumerate(operations) if _is_softmax(op) or op.name == FUSED]
    if not places:
        raise NotUnderstood("no softmax attention in one block", event.where)
    cores = [_core(operations, place, event, caps, alone=len(places) == 1) for place in places]
    return cores[0] if len(cores) == 1 else _together(cores, event)


def _core(operations: list[Operation], at: int, event: Event, caps: tuple[float, ...], *, alone: bool) -> Core:
    """Return the attention of one softmax, or of one fused function; of more than one, what each is of its own."""
    if operations[at].name == FUSED:
        return _fused(operations[at], event)
    scores, weights = _array(operations[at].args[0]), _array(operations[at].output)
    q, k = _query_and_key(operations[:at] if alone else _before(operations[at]), event)
    heads = q.shape[0]
    scores, weights = _heads(scores, heads, event), _heads(weights, heads, event)
    if not same(softmax(scores), weights):
        raise NotUnderstood("a softmax over another axis of the scores than that of keys", operations[at].where)
    later = operations[at:] if alone else [op for op in operations[at:] if _weighs(op, weights)]
    values, out, used = _value_and_output(later, weights, event)
    extra = scores[..., NUM_TOKENS:]
    scores = scores[..., :NUM_TOKENS]
    if not same(used, weights[..., :NUM_TOKENS]):
        raise NotUnderstood("attention weights that are changed before they are used", operations[at].where)
    visible = scores.max(axis=0) > HIDDEN_SCORE
    if not np.array_equal(np.broadcast_to(visible, scores.shape), scores > HIDDEN_SCORE):
        raise NotUnderstood("a mask that differs from head to head", operations[at].where)
    raw = q @ np.swapaxes(k, 1, 2)
    scale, cap, slopes, shift = _relation(raw, scores, visible, caps, operations[at].where)
    sinks = _sinks(extra, shift, operations[at].where)
    kv = kv_heads(k, values)
    return Core(q, k[:: heads // kv], values[:: heads // kv], out, scale, cap, slopes, sinks, visible, event.where)


def _before(weighing: Operation) -> list[Operation]:
    """Return the operations that the scores of a softmax come from, as far as the first products, the last one last."""
    found: list[Operation] = []
    level = [weighing]
    while level and not any(op.name in PRODUCTS for op in found):
        origins = [one.origin for op in level for one in tensors_in(op.args) if one.origin is not None]
        found = [*dict.fromkeys(origins), *found]
        level = origins
    return found


def _weighs(op: Operation, weights: Array) -> bool:
    """Return whether an operation is a product of just these attention weights."""
    found = pair(op) if op.name in PRODUCTS else None
    return found is not None and found[0].size == weights.size and same(found[0].reshape(weights.shape), weights)


def _together(cores: list[Core], event: Event) -> Core:
    """Return the attention of several softmaxes, each over some of the heads: source that goes from head to head.

    Raises:
        NotUnderstood: they are not of one form.
    """
    first = cores[0]
    forms = [(one.soft_cap, one.q.shape[1:], one.v.shape[1:], one.slopes is None, one.sinks is None) for one in cores]
    alike = all(form == forms[0] for form in forms) and all(abs(c.scale / first.scale - 1) < 1e-9 for c in cores)
    if not alike or not all(np.array_equal(one.visible, first.visible) for one in cores):
        raise NotUnderstood(f"{len(cores)} softmax attention in one block", event.where)
    q, out = (np.concatenate([getattr(one, name) for one in cores]) for name in ("q", "out"))
    of_each = [len(one.q) // len(one.k) for one in cores]
    k = np.concatenate([np.repeat(one.k, times, axis=0) for one, times in zip(cores, of_each)])
    v = np.concatenate([np.repeat(one.v, times, axis=0) for one, times in zip(cores, of_each)])
    group = len(q) // kv_heads(k, v)
    slopes, sinks = (
        np.concatenate([getattr(one, name) for one in cores]) if getattr(first, name) is not None else None
        for name in ("slopes", "sinks")
    )
    return replace(first, q=q, k=k[::group], v=v[::group], out=out, slopes=slopes, sinks=sinks)


def _fused(op: Operation, event: Event) -> Core:
    """Return the attention of ``scaled_dot_product_attention``, whose arguments say what it is.

    Raises:
        NotUnderstood: it is more than a scale, ALiBi and a mask.
    """
    given = {**dict(zip(FUSED_ARGUMENTS, op.args)), **op.kwargs}
    q, k, v = (_of_fused(given.get(name), event) for name in FUSED_ARGUMENTS[:3])
    out = _of_fused(op.output, event)
    heads, scale = len(q), given.get("scale")
    scale = q.shape[-1] ** -0.5 if scale is None else float(scale)
    whole_k, whole_v = (np.repeat(one, heads // len(one), axis=0) for one in (k, v))
    raw = q @ np.swapaxes(whole_k, 1, 2)
    scores = scale * raw + _added(given.get("attn_mask"), bool(given.get("is_causal")), raw.shape, op.where)
    visible = scores.max(axis=0) > HIDDEN_SCORE
    if not np.array_equal(np.broadcast_to(visible, scores.shape), scores > HIDDEN_SCORE):
        raise NotUnderstood("a mask that differs from head to head", op.where)
    scale, cap, slopes, _ = _relation(raw, scores, visible, (), op.where)
    kv = kv_heads(whole_k, whole_v)
    return Core(
        q, whole_k[:: heads // kv], whole_v[:: heads // kv], out, scale, cap, slopes, None, visible, event.where
    )


def _of_fused(value: object, event: Event) -> Array:
    """Return ``[heads, tokens, …]`` of what a fused attention takes or gives."""
    array = _array(value)
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 3 or array.shape[1] != NUM_TOKENS:
        raise NotUnderstood(f"attention over a tensor {_array(value).shape}", event.where)
    return array


def _added(mask: object, causal: bool, shape: tuple[int, ...], where: str) -> Array:
    """Return what a fused attention adds to scores ``[heads, tokens, tokens]``."""
    added = np.zeros(shape)
    if causal:
        added = added + np.where(np.tri(shape[-2], shape[-1], dtype=bool), 0.0, MASKED)
    if isinstance(mask, Tensor):
        given = mask.a.reshape(-1, *mask.a.shape[-2:])
        if len(given) not in (1, shape[0]):
            raise NotUnderstood(f"a mask {mask.shape} over {shape[0]} heads", where)
        added = added + (np.where(given, 0.0, MASKED) if given.dtype == np.bool_ else given)
    return np.asarray(added)


def _is_softmax(op: Operation) -> bool:
    if op.name != "softmax" or not op.args or not isinstance(op.args[0], Tensor):
        return False
    shape = op.args[0].shape
    return len(shape) >= 3 and shape[-2] == NUM_TOKENS and shape[-1] in (NUM_TOKENS, NUM_TOKENS + 1)


def _array(value: object) -> Array:
    if not isinstance(value, Tensor):
        raise NotUnderstood("an attention without tensors")
    return value.a


def _heads(array: Array, heads: int, event: Event) -> Array:
    """Return ``[heads, tokens, …]`` of ``[1, heads, tokens, …]``, of groups of heads, or of heads alone."""
    if array.ndim < 3 or array.size != heads * int(np.prod(array.shape[-2:])):
        raise NotUnderstood(f"attention over a tensor {array.shape}", event.where)
    return array.reshape(heads, *array.shape[-2:])


def _query_and_key(operations: list[Operation], event: Event) -> tuple[Array, Array]:
    """Return q and k ``[heads, tokens, head_dim]`` of the last product that gives scores."""
    for op in reversed(operations):
        found = pair(op) if op.name in PRODUCTS else None
        if found is None or found[2].shape[-2:] != (NUM_TOKENS, NUM_TOKENS):
            continue
        left, right, product = found
        if left.ndim < 3 or left.shape[-2] != NUM_TOKENS:
            continue
        if right.shape[-1] != NUM_TOKENS or right.shape[-2] != left.shape[-1]:
            right = np.swapaxes(right, -1, -2)
        heads = product.size // NUM_TOKENS**2
        left = np.broadcast_to(left, (*product.shape[:-2], *left.shape[-2:]))
        right = np.broadcast_to(right, (*product.shape[:-2], *right.shape[-2:]))
        q = left.reshape(heads, NUM_TOKENS, -1)
        k = np.swapaxes(right.reshape(heads, -1, NUM_TOKENS), 1, 2)
        return q, k
    raise NotUnderstood("attention scores that are not a product of queries and keys", event.where)


def _value_and_output(operations: list[Operation], weights: Array, event: Event) -> tuple[Array, Array, Array]:
    for op in operations:
        found = pair(op) if op.name in PRODUCTS else None
        if found is None or found[0].ndim < 3 or found[0].shape[-2:] != (NUM_TOKENS, NUM_TOKENS):
            continue
        left, right, out = found
        right = np.broadcast_to(right, (*out.shape[:-2], *right.shape[-2:]))
        heads = len(weights)
        return (
            right.reshape(heads, *right.shape[-2:]),
            out.reshape(heads, *out.shape[-2:]),
            left.reshape(heads, *left.shape[-2:]),
        )
    raise NotUnderstood("attention weights that are not multiplied with values", event.where)


def kv_heads(k: Array, v: Array) -> int:
    """Return how many different key and value heads there are; equal ones lie side by side."""
    heads = len(k)
    for count in range(1, heads + 1):
        if heads % count:
            continue
        group = heads // count
        if all(same(np.repeat(a[::group], group, axis=0), a) for a in (k, v)):
            return count
    return heads


def _sinks(extra: Array, shift: Array, where: str) -> Array | None:
    """Return the score that each head has besides those of tokens, ``[heads]``.

    Args:
        extra: ``[heads, tokens, 0 or 1]``.
        shift: what was added to all scores of a token, ``[heads, tokens]``: softmax does not see it.
        where: lines, for errors.
    """
    if not extra.size:
        return None
    found = extra[..., 0] - shift
    sinks = found[:, 0]
    if not np.allclose(found, sinks[:, None], rtol=1e-9, atol=1e-9):
        raise NotUnderstood("an extra score that depends on the token", where)
    return np.asarray(sinks)


Relation = tuple[float, "float | None", "Array | None", Array]


def _relation(raw: Array, scores: Array, visible: Array, caps: tuple[float, ...], where: str) -> Relation:
    """Return scale, soft cap, slopes and the shift of each token's scores, that make scores of the raw products."""
    seen = np.broadcast_to(visible, scores.shape)
    x, y = raw[seen], scores[seen]
    none = np.zeros(scores.shape[:2])
    scale = float(x @ y / (x @ x))
    if _close(scale * x, y):
        return scale, None, None, none
    for cap in caps:
        inner = y / cap
        if np.all(np.abs(inner) < 1):
            inside = cap * np.arctanh(inner)
            scale = float(x @ inside / (x @ x))
            if _close(cap * np.tanh(scale * x / cap), y):
                return scale, cap, None, none
    found = _linear(raw, scores, visible)
    if found is None:
        raise NotUnderstood("attention scores that are more than a scaled product", where)
    return found


def _close(left: Array, right: Array) -> bool:
    return bool(np.max(np.abs(left - right)) <= 1e2 * TOLERANCE * np.max(np.abs(right)))


def _linear(raw: Array, scores: Array, visible: Array) -> Relation | None:
    """Fit ``scale * raw + slope * key_position + shift of the row``; softmax does not see the latter."""
    scales, slopes, shifts = [], [], []
    rows, columns = np.nonzero(visible)
    per_row = np.eye(NUM_TOKENS)[rows]
    for head in range(len(raw)):
        matrix = np.concatenate([raw[head][visible][:, None], columns[:, None].astype(float), per_row], axis=1)
        target = scores[head][visible]
        fitted = np.linalg.lstsq(matrix, target, rcond=None)[0]
        if not _close(matrix @ fitted, target):
            return None
        scales.append(float(fitted[0]))
        slopes.append(float(fitted[1]))
        shifts.append(fitted[2:])
    if max(scales) - min(scales) > 1e-9 * abs(scales[0]):
        return None
    has_slopes = max(map(abs, slopes)) > 1e-9
    return float(np.mean(scales)), None, np.array(slopes) if has_slopes else None, np.array(shifts)


def _by_length(probe: Probe, factor: float, head_dim: Expression, real: int) -> Value | None:
    """Return the scale that grows with the length that yarn stretches to (DeepSeek-V2), None if it is not so.

    Args:
        probe: the probe.
        factor: of the probe's scale over that of the size of its heads.
        head_dim: the entries of each head of q and k.
        real: the checkpoint's.
    """
    for candidate in candidates(probe):
        if not isinstance(candidate.tree, Key) or not candidate.parameters.get("mscale_all_dim"):
            continue
        stretched, weight = (Key((*candidate.tree.path, name)) for name in ("factor", "mscale_all_dim"))
        magnitude = (0.1 * weight * Log(stretched) + 1.0) ** 2
        try:
            number = float(evaluate(magnitude, probe.small.attributes))
        except (LookupError, TypeError, ArithmeticError, ValueError):
            continue
        if abs(number / factor - 1) < 1e-9:
            return Value(real**-0.5 * number, None, head_dim**-0.5 * magnitude)
    return None


def caps(probe: Probe) -> tuple[float, ...]:
    """Return the numbers that may be a soft cap on scores."""
    stated = [v for k, v in probe.small.attributes.items() if "cap" in k and isinstance(v, (int, float)) and v]
    return (*map(float, stated), *USUAL_CAPS)


def scale_value(probe: Probe, scale: float, event: Event, sizes: tuple[int, int], head_dim: Expression) -> Value:
    """Return the softmax scale as an expression.

    Args:
        probe: the probe.
        scale: the probe's scale.
        event: the block's call.
        sizes: entries of each head of q and k, the probe's and the checkpoint's.
        head_dim: what their number is.

    Raises:
        NotUnderstood: it is not one of the config's numbers.
    """
    seen, real = sizes
    if abs(scale * seen**0.5 - 1) < 1e-9:
        return Value(real**-0.5, None, head_dim**-0.5)
    found = explain(probe, scale) or _by_length(probe, scale * seen**0.5, head_dim, real)
    if found is None:
        raise NotUnderstood(f"a softmax scale of {scale:g} in a probe with heads of {seen}", definition(event))
    return found
