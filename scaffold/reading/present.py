"""A spec as facts, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.read import Checkpoint
from scaffold.feed_forwards import table as feed_forwards
from scaffold.mixers import table as mixers
from scaffold.source.locate import ModelingSource
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.facts import keys_of, placed, sized, source
from scaffold.spec.layers import LayerSpec
from scaffold.spec.values import ONE, Value


def model_facts(checkpoint: Checkpoint, modeling: ModelingSource | None) -> Iterator[Fact]:
    """Yield what is known of a model as a whole."""
    yield Fact("architecture", checkpoint.architecture, (Evidence("config", "architectures"),))
    yield Fact("model type", checkpoint.model_type, (Evidence("config", "model_type"),))
    if modeling is not None:
        shown = modeling.file.lines(modeling.file.definitions[modeling.class_name])
        yield Fact("modeling source", modeling.class_name, (Evidence("source", shown),))


def decoder_facts(spec: DecoderSpec) -> Iterator[Fact]:
    """Yield what is known of a text decoder."""
    yield from (placed(fact, spec.text_key) for fact in _decoder(spec))


def _decoder(spec: DecoderSpec) -> Iterator[Fact]:
    yield sized("hidden size", spec.hidden_size)
    yield sized("layers", spec.num_layers)
    yield sized("vocabulary", spec.vocab_size)
    said = Evidence("config", spec.tied.key) if spec.tied.key else Evidence("source", "the head is the embedding")
    yield Fact("tied embeddings", str(spec.tied.value), (said,))  # the whole model's
    yield from _embedding(spec)
    for layer, which in _kinds(spec):
        found = mixers.kind_of(layer.mixer).facts(layer.mixer, which, spec.config)
        yield from (replace(fact, about="attention") for fact in found)
    for layer, which in _kinds(spec):
        for feed in dict.fromkeys(layer.feed_forwards[:2]):
            found = feed_forwards.kind_of(feed).facts(feed, which if feed is layer.feed_forward else f"{which}, beside")
            yield from (replace(fact, about="feed-forward") for fact in found)
    if spec.norm is not None:
        yield Fact(
            "norm",
            f"{spec.norm.form}, eps {spec.norm.eps.value:g}",
            (source(spec.norm.source), *keys_of(spec.norm.eps)),
            "final norm",
        )
    yield Fact("norm placement", _placement(spec.layer), (source(spec.layer.source),), "layer norms")
    yield Fact("head bias", str(spec.head_bias), (source(f"the module {spec.head_name}"),))
    yield from _of_source(spec)
    for name, value in (("logits scale", spec.logits_scale), ("logits soft cap", spec.logits_soft_cap)):
        if value not in (None, ONE):
            yield sized(name, value)


def _of_source(spec: DecoderSpec) -> Iterator[Fact]:
    """Yield what the modeling source does beside what a decoder is made of."""
    if spec.given_mask:
        said = "the caller's: read with that of a server, where a token sees those up to its own"
        yield Fact("attention mask", said, (source("the modeling source"),))
    if spec.unused:
        yield Fact("left out", f"{', '.join(spec.unused)}: no text goes through", (source("the modeling source"),))
    if spec.runs != ONE:
        yield sized("runs of each layer in a row" if spec.run_in_place else "runs of the layers", spec.runs)
    if spec.rounded:
        said = "to 16 bits in the source, whatever type the model has; the adapter computes in vLLM's types there"
        yield Fact("rounding", said, tuple(map(source, spec.rounded)))
    if spec.release:
        said = f"the source asks for it, and was read as under {spec.release}, by which the checkpoint was saved"
        yield Fact("release of transformers", said, (Evidence("config", "transformers_version"),))
    if spec.without_effect:
        said = f"{', '.join(spec.without_effect)}: no answer depends on it, unless it takes extreme values"
        yield Fact("without effect", said, (source("the modeling source, run with its weights changed by much"),))
    if spec.head_unit_rows:
        yield Fact("head weight", "each row divided by its length", (source(f"the module {spec.head_name}"),))


def _kinds(spec: DecoderSpec) -> list[tuple[LayerSpec, str]]:
    """Return the kinds of layers, each with its layers in words; in none if all are of one kind."""
    kinds: dict[LayerSpec, list[int]] = {}
    for number, layer in enumerate(spec.layers):
        kinds.setdefault(layer, []).append(number)
    return [(kind, "" if len(kinds) == 1 else f", {_shown(layers)}") for kind, layers in kinds.items()]


def _shown(layers: list[int]) -> str:
    if layers == list(range(layers[0], layers[-1] + 1)):
        return f"layers {layers[0]}-{layers[-1]}" if len(layers) > 1 else f"layer {layers[0]}"
    shown = ", ".join(map(str, layers[:6]))
    return f"layers {shown}" + (f" … ({len(layers)})" if len(layers) > 6 else "")


def _embedding(spec: DecoderSpec) -> Iterator[Fact]:
    embedding = spec.embedding
    if embedding.scale != ONE:
        yield sized("embedding multiplier", embedding.scale)
    if embedding.positions is not None:
        name, offset = embedding.positions
        shown = f"learned, in {name}" + (f", counted from {offset}" if offset else "")
        yield Fact("positions", shown, (Evidence("tensor", f"{name}.weight"),))
    if embedding.sinusoid is not None:
        name, offset = embedding.sinusoid
        yield Fact("positions", f"sines and cosines ({name} {offset})", (Evidence("source", "embedding"),))
    if embedding.norm is not None:
        yield Fact("embedding norm", embedding.norm[1].form, (source(embedding.norm[1].source),))


def _placement(layer: LayerSpec) -> str:
    """Write the flow through a layer as sums."""
    shown = {"x": "x", layer.mixer.name: "attention", layer.feed_forward.name: "feed_forward"}
    if layer.beside is not None:
        shown[layer.beside.name] = "beside"
    for what, blocks in (("attention", layer.more_mixers), ("beside", layer.more_beside)):
        shown |= {block.name: f"{what}{number}" for number, block in enumerate(blocks, 2)}
    for number, (name, _) in enumerate(layer.norms):
        shown[name] = f"norm{number + 1}"
    for number, scale in enumerate(layer.scales):
        shown[scale.name] = f"scale{number + 1}"

    def total(flows: tuple[tuple[str, Value], ...]) -> str:
        return " + ".join(shown[n] if f == ONE else f"{f.code} * {shown[n]}" for n, f in flows)

    output = f"{layer.scalar} * ({total(layer.output)})" if layer.scalar else total(layer.output)
    return "; ".join([*(f"{shown[s.name]}({total(s.inputs)})" for s in layer.steps), output])
