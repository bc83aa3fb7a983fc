"""Reads a whole decoder: embedding, layers, final norm, head; each block by its own reader."""

from __future__ import annotations

from scaffold.source.errors import NotUnderstood
from scaffold.source.interpreter import ATTENTION_FUNCTIONS
from scaffold.source.layers import Embedding, Linear
from scaffold.source.objects import Event
from scaffold.spec import attention, experts, feed_forward, norms, wiring
from scaffold.spec.facts import (
    DecoderSpec,
    FeedForwardSpec,
    LayerSpec,
    NormSpec,
    Value,
)
from scaffold.spec.numeric import same
from scaffold.spec.probe import Probe
from scaffold.spec.values import size_value


def read(probe: Probe) -> DecoderSpec:
    """Read the decoder that the probe ran.

    Raises:
        NotUnderstood: a part of it is of no known form; says which, and where it stands in the source.
    """
    layers = probe.layers()
    if not layers:
        raise NotUnderstood("no list of layers with an attention each", probe.source.file.shown)
    specs = {_layer(probe, event) for event in layers}
    if len(specs) != 1:
        raise NotUnderstood("layers that differ from each other", layers[0].where)
    embed = _embedding(probe, layers[0])
    norm, head = _tail(probe, layers[-1])
    base, _, layers_name = probe.path(layers[0].module).rpartition(".")[0].rpartition(".")
    hidden = size_value(probe, "hidden_size", layers[0].result().shape[-1])
    return DecoderSpec(
        base_name=base,
        embed_name=_relative(probe, embed, base),
        layers_name=layers_name,
        norm_name=_relative(probe, norm, base),
        head_name=probe.path(head.module),
        norm=norms.identify(norm),
        layer=specs.pop(),
        hidden_size=hidden,
        num_layers=_count(probe, len(layers)),
        vocab_size=size_value(probe, "vocab_size", head.result().shape[-1]),
        tied=_tied(probe),
    )


def _layer(probe: Probe, event: Event) -> LayerSpec:
    assert event.module is not None
    names = {id(child): name for name, child in event.module.children()}
    children = [(names[id(e.module)], e) for e in event.inside if id(e.module) in names]
    if len(children) != len(event.inside):
        raise NotUnderstood("a call in the layer that is none of its children", event.where)
    blocks: dict[str, str] = {}
    found_norms: list[tuple[str, NormSpec]] = []
    attention_spec, feed_forward_spec = None, None
    for name, child in children:
        if norms.looks_like_norm(child):
            blocks[name] = "norm"
            found_norms.append((name, norms.identify(child)))
        elif any(e.name in ATTENTION_FUNCTIONS for e in child.walk()):
            blocks[name] = "attention"
            attention_spec = attention.read(probe, child, name)
        else:
            blocks[name] = "feed_forward"
            feed_forward_spec = _feed_forward(probe, child, name)
    if attention_spec is None or feed_forward_spec is None or len(set(blocks)) != len(children):
        raise NotUnderstood("a layer without one attention and one feed-forward block", event.where)
    steps, output = wiring.solve(event, children)
    return LayerSpec(
        attention=attention_spec,
        feed_forward=feed_forward_spec,
        norms=tuple(found_norms),
        steps=steps,
        output=output,
        placement=wiring.placement(steps, output, blocks),
        source=feed_forward.definition(event),
    )


def _feed_forward(probe: Probe, event: Event, name: str) -> FeedForwardSpec:
    if experts.is_experts(event):
        return experts.read(probe, event, name)
    return feed_forward.read(probe, event, name)


def _embedding(probe: Probe, first: Event) -> Event:
    for event in probe.root.walk():
        if isinstance(event.module, Embedding):
            if same(event.result().a, first.tensors()[0].a):
                return event
            raise NotUnderstood("what happens between the embedding and the first layer", event.where)
    raise NotUnderstood("no embedding", probe.root.where)


def _tail(probe: Probe, last: Event) -> tuple[Event, Event]:
    events = list(probe.root.walk())
    norm = next((e for e in events if _takes(e, last) and norms.looks_like_norm(e)), None)
    if norm is None:
        raise NotUnderstood("no norm behind the last layer", last.where)
    head = next((e for e in events if isinstance(e.module, Linear) and _takes(e, norm)), None)
    if head is None:
        raise NotUnderstood("no head behind the last norm", norm.where)
    logits = probe.root.output.field("logits") if hasattr(probe.root.output, "field") else None
    if logits is None or not same(logits.a, head.result().a):
        raise NotUnderstood("what happens to the logits behind the head", head.where)
    return norm, head


def _takes(event: Event, earlier: Event) -> bool:
    tensors = event.tensors()
    return bool(tensors) and same(tensors[0].a, earlier.result().a)


def _relative(probe: Probe, event: Event, base: str) -> str:
    path = probe.path(event.module)
    if base and not path.startswith(f"{base}."):
        raise NotUnderstood(f"{path} outside of {base}", event.where)
    return path.removeprefix(f"{base}.")


def _count(probe: Probe, seen: int) -> Value:
    key = probe.key("num_layers")
    if key is None or int(probe.small.attributes[key]) != seen:
        raise NotUnderstood(f"{seen} layers where the config has {key or 'no count'}")
    return Value(probe.completed[key], key)


def _tied(probe: Probe) -> Value:
    key = "tie_word_embeddings"
    if key in probe.completed:
        return Value(bool(probe.completed[key]), key)
    return Value(bool(probe.small.attributes.get(key, False)))
