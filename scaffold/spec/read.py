"""From a checkpoint and its modeling source to the model spec."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.read import Checkpoint
from scaffold.source.errors import NotUnderstood
from scaffold.source.locate import ModelingSource
from scaffold.spec import decoder, probe
from scaffold.spec.facts import (
    DecoderSpec,
    Evidence,
    ExpertsSpec,
    Fact,
    Hole,
    MlpSpec,
    ModelSpec,
    Value,
)

NO_SOURCE = "no modeling source: names and shapes alone do not tell how the model computes"


def read_spec(checkpoint: Checkpoint, source: ModelingSource | None) -> ModelSpec:
    """Read what the model is. What the evidence does not determine is a hole in the result, never a guess."""
    spec, holes = None, []
    if source is None:
        holes.append(Hole("model", NO_SOURCE, f"architectures: {checkpoint.architecture}"))
    else:
        try:
            spec = decoder.read(probe.run(source, checkpoint.text_config))
        except NotUnderstood as error:
            holes.append(Hole("model", error.what, error.where))
    modalities = ("text", "image") if checkpoint.is_multimodal else ("text",)
    return ModelSpec(
        architecture=checkpoint.architecture,
        model_type=checkpoint.model_type,
        source_class=source.class_name if source else None,
        config_class=source.config_class if source else None,
        decoder=spec,
        modalities=modalities,
        facts=tuple(_facts(checkpoint, source, spec)),
        holes=tuple(holes),
    )


def _facts(checkpoint: Checkpoint, source: ModelingSource | None, spec: DecoderSpec | None) -> Iterator[Fact]:
    yield Fact("architecture", checkpoint.architecture, (Evidence("config", "architectures"),))
    yield Fact("model type", checkpoint.model_type, (Evidence("config", "model_type"),))
    if source is not None:
        shown = source.file.lines(source.file.definitions[source.class_name])
        yield Fact("modeling source", source.class_name, (Evidence("source", shown),))
    if spec is not None:
        yield from _decoder_facts(spec)


def _decoder_facts(spec: DecoderSpec) -> Iterator[Fact]:
    attention, layer = spec.layer.attention, spec.layer
    yield _sized("hidden size", spec.hidden_size)
    yield _sized("layers", spec.num_layers)
    yield _sized("vocabulary", spec.vocab_size)
    yield _sized("tied embeddings", spec.tied)
    kind = f"{attention.num_heads.value} heads, {attention.num_kv_heads.value} KV heads of {attention.head_dim.value}"
    yield Fact("attention", kind, (Evidence("source", attention.source), *_keys(attention.num_heads)))
    rope = f"{attention.rope.style}, {attention.rope.fraction:.0%} of the head" if attention.rope else "none"
    yield Fact("rope", rope, (Evidence("source", attention.source),))
    if attention.qk_norm:
        per = "each head" if attention.qk_norm.per_head else "the whole projection"
        yield Fact("q/k norm", f"{attention.qk_norm.norm.form} over {per}", (_source(attention.source),))
    bias = f"q/k/v {attention.qkv_bias.value}, output {attention.o_bias.value}"
    yield Fact("attention bias", bias, (_source(attention.source), *_keys(attention.qkv_bias)))
    if attention.sliding_window:
        yield _sized("sliding window", attention.sliding_window)
    yield Fact("norm", f"{spec.norm.form}, eps {spec.norm.eps.value:g}", (_source(spec.norm.source),))
    yield Fact("norm placement", layer.placement, (_source(layer.source),))
    if isinstance(layer.feed_forward, MlpSpec):
        yield _mlp_fact("MLP", layer.feed_forward)
    else:
        yield from _expert_facts(layer.feed_forward)


def _expert_facts(spec: ExpertsSpec) -> Iterator[Fact]:
    shown = f"{spec.num_experts.value}, {spec.router.top_k.value} per token"
    yield Fact("experts", shown, (_source(spec.source), *_keys(spec.num_experts)))
    router, parts = spec.router, [spec.router.scoring]
    if router.correction_bias:
        parts.append("correction bias")
    if router.num_groups and router.topk_group:
        parts.append(f"{router.topk_group.value} of {router.num_groups.value} groups")
    parts.append("renormalised" if router.renormalize.value else "not renormalised")
    parts.append(f"scaled by {router.scaling.value:g}")
    yield Fact("router", ", ".join(parts), (_source(router.source),))
    if spec.shared is not None:
        yield _mlp_fact("shared experts", spec.shared)


def _mlp_fact(name: str, spec: MlpSpec) -> Fact:
    shown = f"gated, {spec.activation.value}, inner size {spec.intermediate_size.value}"
    return Fact(name, shown, (_source(spec.source), *_keys(spec.intermediate_size)))


def _sized(name: str, value: Value) -> Fact:
    return Fact(name, str(value.value), tuple(_keys(value)))


def _source(where: str) -> Evidence:
    return Evidence("source", where)


def _keys(value: Value) -> tuple[Evidence, ...]:
    return (Evidence("config", value.key),) if value.key else ()
