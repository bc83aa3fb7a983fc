"""Reads an attention block: its projections, norms on q and k, rotation, scale and window."""

from __future__ import annotations

from typing import Any

import numpy as np

from scaffold.source.errors import NotUnderstood
from scaffold.source.interpreter import ATTENTION_FUNCTIONS
from scaffold.source.layers import Linear
from scaffold.source.objects import Event
from scaffold.source.tensors import Array
from scaffold.spec import norms, rotations
from scaffold.spec.facts import AttentionSpec, QkNormSpec, RopeSpec, Value
from scaffold.spec.numeric import same
from scaffold.spec.probe import Probe
from scaffold.spec.values import bias_value, size_value

MASK_OFF = -1e20


def read(probe: Probe, event: Event, name: str) -> AttentionSpec:
    """Read the attention block whose call is ``event``.

    Raises:
        NotUnderstood: part of it is of no known form.
    """
    call = next(e for e in event.walk() if e.name in ATTENTION_FUNCTIONS)
    q, k, v = (t.a for t in call.tensors()[:3])
    heads, kv_heads, head_dim = q.shape[1], k.shape[1], q.shape[3]
    x = event.tensors()[0].a
    linears = [e for e in event.inside if isinstance(e.module, Linear)]
    inputs = [e for e in linears if same(e.tensors()[0].a, x)]
    v_event = _find(inputs, lambda e: same(_heads(e, kv_heads), v), "v", event)
    q_norm, k_norm = _qk_norm_events(event)
    q_event, rope = _projection(probe, inputs, q, q_norm, "q", event)
    k_event, k_rope = _projection(probe, inputs, k, k_norm, "k", event)
    if rope != k_rope:
        raise NotUnderstood("a rotation of q that differs from the one of k", event.where)
    _check_attention(call, q, k, v)
    o_event = _output(event, call, linears)
    return AttentionSpec(
        name=name,
        q_name=_name(event, q_event),
        k_name=_name(event, k_event),
        v_name=_name(event, v_event),
        o_name=_name(event, o_event),
        num_heads=size_value(probe, "num_heads", heads),
        num_kv_heads=size_value(probe, "num_kv_heads", kv_heads),
        head_dim=size_value(probe, "head_dim", head_dim),
        scale=_scale(call, head_dim),
        qkv_bias=bias_value(probe, [q_event, k_event, v_event]),
        o_bias=bias_value(probe, [o_event]),
        rope=rope,
        qk_norm=_qk_norm(event, q_norm, k_norm),
        sliding_window=_window(probe, call),
        source=_definition(event),
    )


def _heads(event: Event, heads: int) -> Array:
    """Return a projection's output as ``[batch, heads, tokens, head_dim]``."""
    out = event.result().a
    batch, tokens, width = out.shape
    return np.swapaxes(out.reshape(batch, tokens, heads, width // heads), 1, 2)


def _find(events: list[Event], test: Any, what: str, block: Event) -> Event:
    for event in events:
        if event.result().a.ndim == 3 and test(event):
            return event
    raise NotUnderstood(f"no projection that gives {what} as the attention takes it", block.where)


def _qk_norm_events(event: Event) -> tuple[Event | None, Event | None]:
    found = [e for e in event.inside if norms.looks_like_norm(e)]
    if not found:
        return None, None
    if len(found) != 2:
        raise NotUnderstood(f"{len(found)} norms inside of the attention", event.where)
    return found[0], found[1]


def _projection(
    probe: Probe, linears: list[Event], wanted: Array, norm: Event | None, what: str, block: Event
) -> tuple[Event, RopeSpec | None]:
    """Find the projection and rotation that give ``wanted``; a norm between them is checked by its own call."""
    heads = wanted.shape[1]
    for linear in linears:
        if linear.result().a.ndim != 3 or linear.result().shape[-1] != heads * wanted.shape[3]:
            continue
        before = _heads(linear, heads)
        if norm is not None:
            normed = _normed(linear, norm, heads)
            if normed is None:
                continue
            before = normed
        if same(before, wanted):
            return linear, None
        theta = _theta(probe)
        if theta is None:
            continue
        factor = (probe.completed.get("rope_parameters") or {}).get("partial_rotary_factor")
        rope = rotations.identify(before, wanted, theta, (float(factor),) if factor else ())
        if rope is not None:
            return linear, rope
    raise NotUnderstood(f"what happens to {what} between projection and attention", block.where)


def _normed(linear: Event, norm: Event, heads: int) -> Array | None:
    """Return the norm's output as heads if the norm was called on this projection."""
    given, out = norm.tensors()[0].a, linear.result().a
    if given.size != out.size:
        return None
    if given.ndim == 3 and same(given, out):
        result = norm.result().a
        batch, tokens, width = result.shape
        return np.swapaxes(result.reshape(batch, tokens, heads, width // heads), 1, 2)
    as_heads = _heads(linear, heads)
    if same(given, as_heads):
        return norm.result().a
    if same(given, np.swapaxes(as_heads, 1, 2)):
        return np.swapaxes(norm.result().a, 1, 2)
    return None


def _qk_norm(event: Event, q_norm: Event | None, k_norm: Event | None) -> QkNormSpec | None:
    if q_norm is None or k_norm is None:
        return None
    form = norms.identify(q_norm)
    if norms.identify(k_norm) != form:
        raise NotUnderstood("norms of q and k that differ", event.where)
    per_head = q_norm.tensors()[0].a.ndim == 4
    return QkNormSpec(_name(event, q_norm), _name(event, k_norm), form, per_head, before_rope=True)


def _theta(probe: Probe) -> float | None:
    rope = probe.small.attributes.get("rope_parameters")
    return float(rope["rope_theta"]) if isinstance(rope, dict) and "rope_theta" in rope else None


def _check_attention(call: Event, q: Array, k: Array, v: Array) -> None:
    """Check that the eager function computes softmax attention and nothing else (no cap, no sink)."""
    mask = next((t.a for t in call.tensors()[3:] if t.a.ndim == 4), None)
    scale = _scaling(call)
    groups = q.shape[1] // k.shape[1]
    scores = q @ np.swapaxes(np.repeat(k, groups, axis=1), 2, 3) * scale
    scores = scores + (mask if mask is not None else 0.0)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    out = (weights / weights.sum(-1, keepdims=True)) @ np.repeat(v, groups, axis=1)
    if not same(call.result().a, np.swapaxes(out, 1, 2)):
        raise NotUnderstood("an attention function that is more than softmax attention", call.where)


def _scaling(call: Event) -> float:
    scaling = call.kwargs.get("scaling")
    if scaling is None:
        raise NotUnderstood("an attention call without a scale", call.where)
    return float(scaling)


def _scale(call: Event, head_dim: int) -> str:
    if abs(_scaling(call) * head_dim**0.5 - 1) > 1e-12:
        raise NotUnderstood(f"a softmax scale of {_scaling(call):g}", call.where)
    return "head_dim**-0.5"


def _window(probe: Probe, call: Event) -> Value | None:
    mask = next((t.a for t in call.tensors()[3:] if t.a.ndim == 4), None)
    if mask is None:
        raise NotUnderstood("an attention call without a causal mask", call.where)
    tokens = mask.shape[-1]
    seen = (mask[0, 0] > MASK_OFF).sum(-1)
    if np.array_equal(seen, np.arange(1, tokens + 1)):
        return None
    window = int(seen.max())
    if np.array_equal(seen, np.minimum(np.arange(1, tokens + 1), window)):
        return size_value(probe, "sliding_window", window)
    raise NotUnderstood("a mask that is neither causal nor a sliding window", call.where)


def _output(event: Event, call: Event, linears: list[Event]) -> Event:
    out = call.result().a
    flat = out.reshape(*out.shape[:2], -1)
    for linear in linears:
        if same(linear.tensors()[0].a, flat) and same(linear.result().a, event.result().a):
            return linear
    raise NotUnderstood("what happens between the attention and the block's output", event.where)


def _name(block: Event, part: Event) -> str:
    assert block.module is not None
    return next(name for name, child in block.module.children() if child is part.module)


def _definition(event: Event) -> str:
    cls = event.module.cls if event.module else None
    return cls.file.lines(cls.node) if cls else event.where
