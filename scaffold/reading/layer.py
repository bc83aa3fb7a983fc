"""Reads one decoder layer: which of its calls is a norm, attention or feed-forward block, and how values flow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from scaffold.feed_forwards.experts import read as experts
from scaffold.feed_forwards.mlp import read as feed_forward
from scaffold.mixers.grouped_query import read as attention
from scaffold.mixers.latent import read as latent_attention
from scaffold.probing import norms
from scaffold.probing.attention_core import holds_attention
from scaffold.probing.blocks import Block, definition, name_in
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import is_linear
from scaffold.reading import wiring
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import Activation, Identity
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.facts import (
    AnyAttentionSpec,
    AttentionSpec,
    ExpertsSpec,
    FeedForwardSpec,
    LayerSpec,
    MlpSpec,
    NormSpec,
    Value,
)


def read(probe: Probe, event: Event) -> LayerSpec:
    """Read the layer whose call is ``event``.

    Raises:
        NotUnderstood: a part of it is of no known form.
    """
    flows: list[wiring.Flow] = []
    found_norms: list[tuple[str, NormSpec]] = []
    attentions: list[AnyAttentionSpec] = []
    feed_forwards: list[FeedForwardSpec] = []
    own = [e for e in event.inside if is_linear(e)]
    for child in event.inside:
        if child in own:
            if child is own[0]:
                block = feed_forward.read(probe, event, "", parts=own)
                feed_forwards.append(block.spec)
                flows.append(wiring.Flow("", block.taken, block.given))
            continue
        if _does_nothing(child):
            continue
        name = name_in(event, child)
        if norms.looks_like_norm(child):
            found_norms.append((name, norms.identify(probe, child)))
            flows.append(wiring.Flow(name, _flat(child.tensors()[0].a), _flat(child.result().a)))
        elif holds_attention(child):
            attended = read_attention(probe, child, name)
            attentions.append(attended.spec)
            flows.append(wiring.Flow(name, attended.taken, attended.given))
        else:
            last = _last_norm(child)
            fed = _feed_forward(probe, child, name, None if last is None else _flat(last.tensors()[0].a))
            feed_forwards.append(fed.spec)
            flows.append(wiring.Flow(name, fed.taken, fed.given))
            if last is not None:
                path = name_in(event, last)
                found_norms.append((path, norms.identify(probe, last)))
                flows.append(wiring.Flow(path, _flat(last.tensors()[0].a), _flat(last.result().a)))
    feed_forwards, flows = _with_shared_beside(feed_forwards, flows)
    if len(attentions) != 1 or len(feed_forwards) != 1:
        what = f"{len(attentions)} attention and {len(feed_forwards)} feed-forward blocks in one layer"
        raise NotUnderstood(what, definition(event))
    x, output = _flat(event.tensors()[0].a), _flat(event.result().a)
    try:
        steps, out = wiring.solve(probe, x, flows, output, definition(event))
    except NotUnderstood as error:
        attentions[0], flows = _with_outer_bias(event, attentions[0], flows, error)
        steps, out = wiring.solve(probe, x, flows, output, definition(event))
    return LayerSpec(attentions[0], feed_forwards[0], tuple(found_norms), steps, out, definition(event))


def _with_shared_beside(
    specs: list[FeedForwardSpec], flows: list[wiring.Flow]
) -> tuple[list[FeedForwardSpec], list[wiring.Flow]]:
    """Take routed experts and an MLP beside them for one block if they take the same: the MLP is shared experts.

    What they give is summed here; where the layer sums it otherwise, its flow will have no solution.
    """
    routed = [spec for spec in specs if isinstance(spec, ExpertsSpec) and spec.shared is None]
    plain = [spec for spec in specs if isinstance(spec, MlpSpec)]
    if len(specs) != 2 or len(routed) != 1 or len(plain) != 1:
        return specs, flows
    one, other = (next(f for f in flows if f.name == spec.name) for spec in (routed[0], plain[0]))
    if not same(one.taken, other.taken):
        return specs, flows
    both = wiring.Flow(one.name, one.taken, one.given + other.given)
    merged = replace(routed[0], shared=plain[0], shared_beside=True)
    return [merged], [both if flow is one else flow for flow in flows if flow is not other]


def _with_outer_bias(
    event: Event, spec: AnyAttentionSpec, flows: list[wiring.Flow], error: NotUnderstood
) -> tuple[AnyAttentionSpec, list[wiring.Flow]]:
    """Add a vector of the attention block to what the block gave: a bias that the layer adds, not the linear layer.

    Raises:
        NotUnderstood: there is no such vector; then what was wrong without it.
    """
    flow = next(f for f in flows if f.name == spec.name)
    block = next(e for e in event.inside if e.module is not None and name_in(event, e) == spec.name)
    assert block.module is not None
    for name, value in block.module.attributes.items():
        is_vector = isinstance(value, Tensor) and value.role and value.shape == flow.given.shape[1:]
        if is_vector and isinstance(spec, AttentionSpec) and not spec.o_bias.value:
            found = replace(spec, o_bias=Value(True), o_bias_name=name)
            return found, [replace(f, given=f.given + value.a) if f is flow else f for f in flows]
    raise error


def read_attention(probe: Probe, event: Event, name: str) -> Block[AnyAttentionSpec]:
    """Read an attention block of either kind."""
    if probe.key("kv_lora_rank"):
        return latent_attention.read(probe, event, name)
    return attention.read(probe, event, name)


def signature(event: Event) -> str:
    """Return a digest of all that decides what a layer's call computes, but for the values of its weights.

    Layers with one signature have one spec.
    """
    digest = hashlib.sha256()
    for part in _parts(event):
        digest.update(repr(part).encode())
    return digest.hexdigest()


def _parts(event: Event) -> Iterator[Any]:
    assert event.module is not None
    for path, module in event.module.modules():
        yield path, module.kind
        for name, value in sorted(module.attributes.items()):
            if isinstance(value, Tensor):
                yield name, value.shape, value.role
            elif isinstance(value, (bool, int, float, str)) and not name.startswith("layer_i"):
                yield name, value
    yield from _arguments([*event.args[1:], *event.kwargs.values()])


def _arguments(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Tensor):
            yield hashlib.sha256(value.a.tobytes()).hexdigest()
        elif isinstance(value, dict):
            yield from _arguments(value.values())
        elif isinstance(value, (tuple, list)):
            yield from _arguments(value)
        elif isinstance(value, (bool, int, float, str)):
            yield value


def _last_norm(block: Event) -> Event | None:
    """Return a norm with which a feed-forward block ends: it is the layer's in all but its place."""
    for event in block.inside:
        if norms.looks_like_norm(event) and same(_flat(event.result().a), _flat(block.result().a)):
            return event
    return None


def _feed_forward(probe: Probe, event: Event, name: str, given: Array | None) -> Block[FeedForwardSpec]:
    if experts.is_experts(event):
        return experts.read(probe, event, name, given)
    return feed_forward.read(probe, event, name)


def _does_nothing(event: Event) -> bool:
    """Return whether a call is a dropout or an activation, which the blocks around it account for."""
    if isinstance(event.module, (Identity, Activation)):
        return True
    holds = event.module is not None and any(True for _ in event.module.saved_tensors())
    tensors = event.tensors()
    return not holds and bool(tensors) and isinstance(event.output, Tensor) and same(event.output.a, tensors[0].a)


def _flat(array: Array) -> Array:
    return array.reshape(NUM_TOKENS, -1)
