"""From a decoder's spec to its weight rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scaffold.checkpoint.headers import TensorHeader
from scaffold.spec.facts import AttentionSpec, DecoderSpec, ExpertsSpec, MlpSpec, NormSpec
from scaffold.weights.rules import Rule

QKV = "qkv_proj"
GATE_UP = "gate_up_proj"


def derive(spec: DecoderSpec, tensors: Mapping[str, TensorHeader]) -> tuple[Rule, ...]:
    """Return the rules of a model. The layout of experts on disk is taken from the tensors' names."""
    hidden, vocab = int(spec.hidden_size.value), int(spec.vocab_size.value)
    base = f"{spec.base_name}." if spec.base_name else ""
    embed = f"{base}{spec.embed_name}.weight"
    head = f"{spec.head_name}.weight"
    rules = [Rule(embed, embed, (vocab, hidden))]
    rules += _norm(f"{base}{spec.norm_name}", spec.norm, hidden, 1)
    if not spec.tied.value:
        rules.append(Rule(head, head, (vocab, hidden)))
    elif head in tensors:
        rules.append(Rule(head, "", (vocab, hidden), reason="tied to the embedding"))
    layers = int(spec.num_layers.value)
    prefix = f"{base}{spec.layers_name}.{{layer}}."
    for name, norm in spec.layer.norms:
        rules += _norm(f"{prefix}{name}", norm, hidden, layers)
    rules += _attention(spec.layer.attention, prefix, hidden, layers)
    feed_forward = spec.layer.feed_forward
    if isinstance(feed_forward, MlpSpec):
        size = int(feed_forward.intermediate_size.value)
        rules += _mlp(feed_forward, f"{prefix}{feed_forward.name}", hidden, size, layers)
    else:
        rules += _experts(feed_forward, prefix, hidden, layers, tensors)
    rules += _rotary_buffers(prefix, spec.layer.attention, layers, tensors)
    return tuple(rules)


def _norm(path: str, norm: NormSpec, hidden: int, layers: int) -> Iterator[Rule]:
    if not norm.form.endswith("no_weight"):
        yield Rule(f"{path}.weight", f"{path}.weight", (hidden,), per_layer=layers)
    if norm.form == "layer":
        yield Rule(f"{path}.bias", f"{path}.bias", (hidden,), per_layer=layers)


def _linear(
    source: str,
    target: str,
    shape: tuple[int, int],
    bias: bool,
    shard: str | int | None,
    layers: int,
) -> Iterator[Rule]:
    yield Rule(f"{source}.weight", f"{target}.weight", shape, shard, layers)
    if bias:
        yield Rule(f"{source}.bias", f"{target}.bias", shape[:1], shard, layers)


def _attention(spec: AttentionSpec, prefix: str, hidden: int, layers: int) -> Iterator[Rule]:
    path = f"{prefix}{spec.name}."
    heads, kv_heads, size = (int(v.value) for v in (spec.num_heads, spec.num_kv_heads, spec.head_dim))
    parts = ((spec.q_name, "q", heads), (spec.k_name, "k", kv_heads), (spec.v_name, "v", kv_heads))
    for name, shard, count in parts:
        shape = (count * size, hidden)
        yield from _linear(path + name, path + QKV, shape, bool(spec.qkv_bias.value), shard, layers)
    output = path + spec.o_name
    yield from _linear(output, output, (hidden, heads * size), bool(spec.o_bias.value), None, layers)
    if spec.qk_norm is not None:
        norm = spec.qk_norm
        for name, count in ((norm.q_name, heads), (norm.k_name, kv_heads)):
            yield from _norm(path + name, norm.norm, size if norm.per_head else count * size, layers)


def _mlp(spec: MlpSpec, path: str, hidden: int, size: int, layers: int) -> Iterator[Rule]:
    bias = bool(spec.bias.value)
    for name, shard in ((spec.gate_name, 0), (spec.up_name, 1)):
        yield from _linear(f"{path}.{name}", f"{path}.{GATE_UP}", (size, hidden), bias, shard, layers)
    down = f"{path}.{spec.down_name}"
    yield from _linear(down, down, (hidden, size), bias, None, layers)


def _experts(
    spec: ExpertsSpec, prefix: str, hidden: int, layers: int, tensors: Mapping[str, TensorHeader]
) -> Iterator[Rule]:
    path = f"{prefix}{spec.name}"
    count, size = int(spec.num_experts.value), int(spec.intermediate_size.value)
    router = f"{path}.{spec.router.name}"
    yield Rule(f"{router}.weight", f"{router}.weight", (count, hidden), per_layer=layers)
    if spec.router.correction_bias:
        name = f"{router}.{spec.router.correction_bias}"
        yield Rule(name, name, (count,), per_layer=layers)
    experts = f"{path}.{spec.experts_name}"
    fused = f"{experts}.gate_up_proj".replace("{layer}", "0")
    if fused in tensors:
        w13 = f"{experts}.w13_weight"
        yield Rule(f"{experts}.gate_up_proj", w13, (count, 2 * size, hidden), per_layer=layers)
        down = f"{experts}.down_proj"
        yield Rule(down, f"{experts}.w2_weight", (count, hidden, size), per_layer=layers)
    else:
        shards = (("gate_proj", "w1", "w13"), ("up_proj", "w3", "w13"), ("down_proj", "w2", "w2"))
        for name, shard, target in shards:
            shape = (hidden, size) if shard == "w2" else (size, hidden)
            pattern = f"{experts}.{{expert}}.{name}.weight"
            yield Rule(pattern, f"{experts}.{target}_weight", shape, shard, layers, count)
    if spec.shared is not None:
        width = int(spec.shared.intermediate_size.value)
        yield from _mlp(spec.shared, f"{path}.{spec.shared.name}", hidden, width, layers)


def _rotary_buffers(
    prefix: str, spec: AttentionSpec, layers: int, tensors: Mapping[str, TensorHeader]
) -> Iterator[Rule]:
    pattern = f"{prefix}{spec.name}.rotary_emb.inv_freq"
    header = tensors.get(pattern.replace("{layer}", "0"))
    if header is not None:
        reason = "a table that vLLM computes itself"
        yield Rule(pattern, "", header.shape, per_layer=layers, reason=reason)
