"""A spec as facts, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from scaffold.checkpoint.read import Checkpoint
from scaffold.expressions import python
from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.tree import HEAD_DIM, NONE, Expression, Key
from scaffold.expressions.uses import keys
from scaffold.source.locate import ModelingSource
from scaffold.spec.facts import (
    ONE,
    AnyAttentionSpec,
    AttentionSpec,
    DecoderSpec,
    Evidence,
    ExpertsSpec,
    Fact,
    LatentAttentionSpec,
    LayerSpec,
    MlpSpec,
    RopeSpec,
    RouterSpec,
    Value,
)


def facts(checkpoint: Checkpoint, source: ModelingSource | None, spec: DecoderSpec | None) -> Iterator[Fact]:
    """Yield all that is known of a model."""
    yield Fact("architecture", checkpoint.architecture, (Evidence("config", "architectures"),))
    yield Fact("model type", checkpoint.model_type, (Evidence("config", "model_type"),))
    if source is not None:
        shown = source.file.lines(source.file.definitions[source.class_name])
        yield Fact("modeling source", source.class_name, (Evidence("source", shown),))
    if spec is not None:
        yield from (_placed(fact, spec.text_key) for fact in _decoder(spec))


@dataclass(frozen=True)
class _InTextConfig(Evidence):
    """Evidence that stands in the text config, which ``config.json`` may have inside of it."""

    key: str | None = field(default=None, kw_only=True)
    tree: Expression = field(default=NONE, kw_only=True)

    def placed(self, text_key: str) -> Evidence:
        """Return it as it stands in ``config.json``: a key by its path, anything else as an expression."""
        where = [text_key] if text_key else []
        if self.key is not None:
            return Evidence("config", ".".join([*where, self.key]))
        return Evidence("config", python.shown(self.tree, ".".join(["config", *where])))


def _placed(fact: Fact, text_key: str) -> Fact:
    """Return a fact with its config keys as they stand in ``config.json``, where the text config may be nested."""
    return replace(
        fact, evidence=tuple(e.placed(text_key) if isinstance(e, _InTextConfig) else e for e in fact.evidence)
    )


def _decoder(spec: DecoderSpec) -> Iterator[Fact]:
    yield _sized("hidden size", spec.hidden_size)
    yield _sized("layers", spec.num_layers)
    yield _sized("vocabulary", spec.vocab_size)
    yield Fact("tied embeddings", str(spec.tied.value), (Evidence("config", str(spec.tied.key)),))  # the whole model's
    yield from _embedding(spec)
    for kind, layers in _kinds(spec):
        which = "" if len(layers) == len(spec.layers) else f", {_shown(layers)}"
        yield from (replace(fact, about="attention") for fact in _attention(kind.attention, which))
        yield from _rope(spec, kind.attention.rope, which, _source(kind.attention.source))
    for kind, layers in _kinds(spec):
        which = "" if len(layers) == len(spec.layers) else f", {_shown(layers)}"
        yield from (replace(fact, about="feed-forward") for fact in _feed_forward(kind, which))
    if spec.norm is not None:
        yield Fact(
            "norm",
            f"{spec.norm.form}, eps {spec.norm.eps.value:g}",
            (_source(spec.norm.source), *_keys(spec.norm.eps)),
            "final norm",
        )
    yield Fact("norm placement", _placement(spec.layer), (_source(spec.layer.source),), "layer norms")
    yield Fact("head bias", str(spec.head_bias), (_source(f"the module {spec.head_name}"),))
    for name, value in (("logits scale", spec.logits_scale), ("logits soft cap", spec.logits_soft_cap)):
        if value not in (None, ONE):
            yield _sized(name, value)


def _kinds(spec: DecoderSpec) -> list[tuple[LayerSpec, list[int]]]:
    kinds: dict[LayerSpec, list[int]] = {}
    for number, layer in enumerate(spec.layers):
        kinds.setdefault(layer, []).append(number)
    return list(kinds.items())


def _shown(layers: list[int]) -> str:
    if layers == list(range(layers[0], layers[-1] + 1)):
        return f"layers {layers[0]}-{layers[-1]}" if len(layers) > 1 else f"layer {layers[0]}"
    shown = ", ".join(map(str, layers[:6]))
    return f"layers {shown}" + (f" … ({len(layers)})" if len(layers) > 6 else "")


def _embedding(spec: DecoderSpec) -> Iterator[Fact]:
    embedding = spec.embedding
    if embedding.scale != ONE:
        yield _sized("embedding multiplier", embedding.scale)
    if embedding.positions is not None:
        name, offset = embedding.positions
        shown = f"learned, in {name}" + (f", counted from {offset}" if offset else "")
        yield Fact("positions", shown, (Evidence("tensor", f"{name}.weight"),))
    if embedding.sinusoid is not None:
        name, offset = embedding.sinusoid
        yield Fact("positions", f"sines and cosines ({name} {offset})", (Evidence("source", "embedding"),))
    if embedding.norm is not None:
        yield Fact("embedding norm", embedding.norm[1].form, (_source(embedding.norm[1].source),))


def _attention(spec: AnyAttentionSpec, which: str) -> Iterator[Fact]:
    source = _source(spec.source)
    if isinstance(spec, LatentAttentionSpec):
        sizes = f"{spec.num_heads.value} heads, ranks {spec.q_lora_rank.value if spec.q_lora_rank else 'none'} and "
        sizes += f"{spec.kv_lora_rank.value}, heads of {spec.qk_nope_head_dim.value} + {spec.qk_rope_head_dim.value}"
        yield Fact(f"attention{which}", f"latent (MLA): {sizes}", (source, *_keys(spec.kv_lora_rank)))
        return
    heads = f"{spec.num_heads.value} heads, {spec.num_kv_heads.value} KV heads of {spec.head_dim.value}"
    if spec.v_head_dim != spec.head_dim:
        heads += f", values of {spec.v_head_dim.value}"
    yield Fact(f"attention{which}", heads, (source, *_keys(spec.num_heads), *_keys(spec.num_kv_heads)))
    projection = spec.projection
    layout = f"one layer, {projection.groups} group(s)" if projection.packed else "separate"
    layout += ", transposed" if projection.transposed else ""
    yield Fact(f"projections of q, k, v{which}", layout, tuple(Evidence("tensor", n) for n in projection.names))
    yield from _attention_details(spec, which, source)


def _attention_details(spec: AttentionSpec, which: str, source: Evidence) -> Iterator[Fact]:
    scale = "1 / sqrt of the head size" if spec.scale.tree == HEAD_DIM**-0.5 else spec.scale.code
    yield Fact(f"softmax scale{which}", scale, (source, *_keys(spec.scale)))
    bias = f"q/k/v {spec.qkv_bias.value}, output {spec.o_bias.value}"
    yield Fact(f"attention bias{which}", bias, (source, *_keys(spec.qkv_bias)))
    if spec.qk_norm:
        per = "each head" if spec.qk_norm.per_head else "the whole projection"
        order = "before" if spec.qk_norm.before_rope else "after"
        yield Fact(f"q/k norm{which}", f"{spec.qk_norm.norm.form} over {per}, {order} the rotation", (source,))
    if spec.window:
        yield _sized(f"sliding window{which}", spec.window)
    if spec.soft_cap:
        yield _sized(f"attention soft cap{which}", spec.soft_cap)
    if spec.sinks:
        yield Fact(f"sinks{which}", spec.sinks, (Evidence("tensor", f"{spec.name}.{spec.sinks}"), source))
    if spec.slopes:
        shown = f"{spec.slopes.form} scaled" if spec.slopes.scaled else spec.slopes.form
        yield Fact(f"positions{which}", f"ALiBi ({shown})", (source,))
    if spec.position_scale:
        yield Fact(
            f"factor on q{which}", spec.position_scale[0], (source, *sum(map(_keys, spec.position_scale[1]), ()))
        )
    if spec.gate:
        per = "head" if spec.gate.per_head else "entry"
        yield Fact(f"output gate{which}", f"sigmoid per {per}", (Evidence("tensor", f"{spec.name}.{spec.gate.name}"),))
    if spec.output_norm:
        yield Fact(f"norm of the attention's output{which}", spec.output_norm[1].form, (source,))


def _feed_forward(layer: LayerSpec, which: str) -> Iterator[Fact]:
    spec = layer.feed_forward
    if isinstance(spec, MlpSpec):
        yield _mlp(f"MLP{which}", spec)
        return
    yield from _experts(spec, which)


def _experts(spec: ExpertsSpec, which: str) -> Iterator[Fact]:
    router = spec.router
    shown = f"{spec.num_experts.value} of inner size {spec.intermediate_size.value}, {router.top_k.value} per token"
    yield Fact(f"experts{which}", shown, (_source(spec.source), *_keys(spec.num_experts), *_keys(router.top_k)))
    layout = "one by one" if spec.is_listed else "stacked"
    layout += ", transposed" if spec.transposed else ""
    layout += ", gate and up in turn" if spec.alternating else ""
    yield Fact(f"experts in the source{which}", layout, (_source(spec.source),))
    yield Fact(f"router{which}", ", ".join(_router(router)), (_source(router.source),))
    if spec.shared is not None:
        yield _mlp(f"shared experts{which}", spec.shared)
    if spec.shared_gate is not None:
        yield Fact(f"gate of the shared experts{which}", "sigmoid", (Evidence("tensor", spec.shared_gate),))


def _router(router: RouterSpec) -> Iterator[str]:
    yield router.scoring
    if router.correction_bias:
        yield "correction bias"
    if router.num_groups and router.topk_group:
        yield f"{router.topk_group.value} of {router.num_groups.value} groups"
    yield "renormalised" if router.renormalize.value else "not renormalised"
    yield f"scaled by {router.scaling.value:g}"


def _mlp(name: str, spec: MlpSpec) -> Fact:
    kind = "gated" if spec.gated else "plain"
    kind += ", one layer for gate and up" if spec.gated and spec.packed else ""
    shown = f"{kind}, {spec.activation.value}, inner size {spec.intermediate_size.value}"
    shown += ", biases" if spec.bias.value or spec.down_bias.value else ""
    shown += f", norm {spec.inner_norm[1].form} inside" if spec.inner_norm else ""
    return Fact(name, shown, (_source(spec.source), *_keys(spec.intermediate_size), *_keys(spec.activation)))


def _placement(layer: LayerSpec) -> str:
    """Write the flow through a layer as sums."""
    shown = {"x": "x", layer.attention.name: "attention", layer.feed_forward.name: "feed_forward"}
    for number, (name, _) in enumerate(layer.norms):
        shown[name] = f"norm{number + 1}"

    def total(flows: tuple[tuple[str, Value], ...]) -> str:
        return " + ".join(shown[n] if f == ONE else f"{f.code} * {shown[n]}" for n, f in flows)

    return "; ".join([*(f"{shown[s.name]}({total(s.inputs)})" for s in layer.steps), total(layer.output)])


def _sized(name: str, value: Value) -> Fact:
    plain = value.expression is None
    return Fact(name, str(value.value) if plain else f"{value.value:g} = {value.code}", _keys(value))


def _source(where: str) -> Evidence:
    return Evidence("source", where)


def _rope(spec: DecoderSpec, rope: RopeSpec | None, which: str, source: Evidence) -> Iterator[Fact]:
    """Yield what is known of a rotation; its numbers are those of the config."""
    if rope is None:
        yield Fact(f"rope{which}", "none", (source,))
        return
    shown = f"{rope.style}, {rope.rotary_dim} of {rope.head_dim} entries"
    tree = rope.parameters
    found = evaluate(tree, spec.config) if isinstance(tree, Key) and tree.path[0] == "rope_parameters" else None
    if isinstance(found, Mapping):
        shown += f", {found.get('rope_type') or 'default'}, theta {found.get('rope_theta'):g}"
    elif rope.layer_theta is not None:
        shown += f", theta {rope.layer_theta[1]:g}"
    yield Fact(f"rope{which}", shown, (source, _InTextConfig("config", "", tree=tree)))


def _keys(value: Value) -> tuple[Evidence, ...]:
    """Return the keys that a value comes from; none for a literal."""
    if value.key is None and not keys(value.tree):
        return ()
    return (_InTextConfig("config", "", key=value.key, tree=value.tree),)
