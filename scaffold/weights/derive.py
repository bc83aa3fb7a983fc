"""From a decoder's spec to its weight rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from scaffold.spec.facts import AttentionSpec, DecoderSpec, ExpertsSpec, MlpSpec, NormSpec
from scaffold.weights.quantisation import Quantisation
from scaffold.weights.rules import Rule, WeightMap
from scaffold.weights.scope import Heads, Scope

QKV = "qkv_proj"
GATE_UP = "gate_up_proj"


def derive(spec: DecoderSpec, names: Collection[str], quantisation: Quantisation | None = None) -> WeightMap:
    """Return the rules of a model.

    Args:
        spec: the decoder.
        names: the checkpoint's tensors: they tell the layout of experts on disk, and which optional ones are there.
        quantisation: of weights that are dequantised while they are loaded.
    """
    return WeightMap(tuple(_rules(spec, names, quantisation)))


def _rules(spec: DecoderSpec, names: Collection[str], quantisation: Quantisation | None) -> Iterator[Rule]:
    hidden, vocab = int(spec.hidden_size.value), int(spec.vocab_size.value)
    base = f"{spec.base_name}." if spec.base_name else ""
    model = Scope()
    embed, head = f"{base}{spec.embed_name}.weight", f"{spec.head_name}.weight"
    yield model.vocabulary(embed, vocab, hidden)
    yield from _norm(model, f"{base}{spec.norm_name}", spec.norm, hidden)
    if not spec.tied.value:
        yield model.vocabulary(head, vocab, hidden)
    elif head in names:
        yield model.tied(head, embed, vocab, hidden)
    layers = range(int(spec.num_layers.value))
    scale = (quantisation.scale_ending, quantisation.block) if quantisation else None
    layer = Scope(f"{base}{spec.layers_name}.{{layer}}.", ranges={"layer": layers}, scale=scale)
    for name, norm in spec.layer.norms:
        yield from _norm(layer, name, norm, hidden)
    yield from _attention(layer, spec.layer.attention, hidden, names)
    feed_forward = spec.layer.feed_forward
    if isinstance(feed_forward, MlpSpec):
        size = int(feed_forward.intermediate_size.value)
        yield from _mlp(layer, feed_forward, feed_forward.name, hidden, size)
    else:
        yield from _experts(layer, feed_forward, hidden, names)


def _norm(scope: Scope, path: str, norm: NormSpec, size: int) -> Iterator[Rule]:
    scope = Scope(scope.source, scope.target, scope.ranges)
    if not norm.form.endswith("no_weight"):
        yield scope.whole(f"{path}.weight", size)
    if norm.form == "layer":
        yield scope.whole(f"{path}.bias", size)


def _attention(scope: Scope, spec: AttentionSpec, hidden: int, names: Collection[str]) -> Iterator[Rule]:
    heads, kv_heads, size = (int(v.value) for v in (spec.num_heads, spec.num_kv_heads, spec.head_dim))
    parts = [f"{spec.name}.{name}" for name in (spec.q_name, spec.k_name, spec.v_name)]
    target = f"{spec.name}.{QKV}"
    yield from scope.qkv([f"{p}.weight" for p in parts], f"{target}.weight", Heads(heads, kv_heads, size), hidden)
    if spec.qkv_bias.value:
        yield from scope.qkv([f"{p}.bias" for p in parts], f"{target}.bias", Heads(heads, kv_heads, size))
    output = f"{spec.name}.{spec.o_name}"
    yield scope.row(f"{output}.weight", hidden, heads * size, unit=size)
    if spec.o_bias.value:
        yield scope.whole(f"{output}.bias", hidden)
    if spec.qk_norm is not None:
        norm = spec.qk_norm
        for name, count in ((norm.q_name, heads), (norm.k_name, kv_heads)):
            yield from _norm(scope, f"{spec.name}.{name}", norm.norm, size if norm.per_head else count * size)
    buffer = f"{spec.name}.rotary_emb.inv_freq"
    if scope.source.format(layer=0) + buffer in names:
        yield scope.ignored(buffer, "a table that vLLM computes itself")


def _mlp(scope: Scope, spec: MlpSpec, path: str, hidden: int, size: int) -> Iterator[Rule]:
    inputs = [f"{path}.{name}" for name in (spec.gate_name, spec.up_name)]
    yield from scope.gate_up([f"{name}.weight" for name in inputs], f"{path}.{GATE_UP}.weight", size, hidden)
    yield scope.row(f"{path}.{spec.down_name}.weight", hidden, size)
    if spec.bias.value:
        yield from scope.gate_up([f"{name}.bias" for name in inputs], f"{path}.{GATE_UP}.bias", size)
        yield scope.whole(f"{path}.{spec.down_name}.bias", hidden)


def _experts(scope: Scope, spec: ExpertsSpec, hidden: int, names: Collection[str]) -> Iterator[Rule]:
    count, size = int(spec.num_experts.value), int(spec.intermediate_size.value)
    router = f"{spec.name}.{spec.router.name}"
    plain = Scope(scope.source, scope.target, scope.ranges)
    yield plain.whole(f"{router}.weight", count, hidden)
    if spec.router.correction_bias:
        yield plain.whole(f"{router}.{spec.router.correction_bias}", count)
    experts = f"{spec.name}.{spec.experts_name}"
    gate_up, down = (f"{experts}.routed_experts.{name}" for name in ("w13_weight", "w2_weight"))
    if scope.source.format(layer=0) + f"{experts}.gate_up_proj" in names:
        yield scope.stacked_gate_up(f"{experts}.gate_up_proj", gate_up, count, size, hidden)
        yield scope.stacked_down(f"{experts}.down_proj", down, count, size, hidden)
    else:
        parts = [f"{experts}.{{expert}}.{name}.weight" for name in ("gate_proj", "up_proj", "down_proj")]
        yield from scope.experts(parts, (gate_up, down), count, size, hidden)
    if spec.shared is not None:
        width = int(spec.shared.intermediate_size.value)
        yield from _mlp(scope, spec.shared, f"{spec.name}.{spec.shared.name}", hidden, width)
