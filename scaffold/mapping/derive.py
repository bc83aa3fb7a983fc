"""From a decoder's spec to its weight rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from scaffold.mapping.disk import Disk, of_names
from scaffold.probing.norms import norm_form
from scaffold.spec.facts import (
    AttentionSpec,
    DecoderSpec,
    ExpertsSpec,
    LatentAttentionSpec,
    LayerSpec,
    MlpSpec,
    NormSpec,
)
from scaffold.weights.quantisation import Quantisation
from scaffold.weights.rules import Rule, WeightMap
from scaffold.weights.scope import Heads, Scope
from scaffold.weights.targets import DOWN, EXPERTS, FUSED_LATENTS, GATE_UP, QKV, UP, attribute, join
from scaffold.weights.transforms import Flatten, Transform, Transpose, Ungroup

XIELU_SHAPES: dict[str, tuple[int, ...]] = {"alpha_p": (1,), "alpha_n": (1,), "beta": (), "eps": ()}
COMPUTED = ("rotary_emb.inv_freq", "bias", "masked_bias", "attention.bias", "attention.masked_bias")
"""Buffers of older checkpoints, by their names in an attention block: rotary tables and causal masks."""


def derive(
    spec: DecoderSpec,
    names: Collection[str],
    quantisation: Quantisation | None = None,
    disk: Disk | None = None,
    fused_latents: bool = False,
) -> WeightMap:
    """Return the rules of a model.

    Args:
        spec: the decoder.
        names: the checkpoint's tensors: they tell which optional ones are there.
        quantisation: of weights that are dequantised while they are loaded.
        disk: from the source's parameters to the tensors of a checkpoint.
        fused_latents: the first projections of latent attention become one layer, as vLLM's MLA wrapper wants it.
    """
    disk = disk or of_names(names)
    rules = _rules(spec, names, quantisation, disk)
    if fused_latents:
        rules = _with_fused_latents(spec, rules)
    return WeightMap(tuple(disk.rewrite(rule) for rule in rules))


def _with_fused_latents(spec: DecoderSpec, rules: Iterator[Rule]) -> Iterator[Rule]:
    """Lead the first projections of q and of k and v into one layer, where there are both."""
    places: dict[str, tuple[str, int]] = {}
    for attention in {layer.attention for layer in spec.layers}:
        if isinstance(attention, LatentAttentionSpec) and attention.q_norm is not None:
            block = attribute(attention.name)
            for shard, name in enumerate((attention.q_names[0], attention.kv_a_name)):
                places[join(block, attribute(name))] = (join(block, FUSED_LATENTS), shard)
    for rule in rules:
        module, _, ending = rule.target.rpartition(".")
        found = next((p for name, p in places.items() if module.endswith(f".{name}")), None)
        if found is None:
            yield rule
            continue
        name = next(name for name in places if module.endswith(f".{name}"))
        target = f"{module.removesuffix(name)}{found[0]}.{ending}"
        yield replace(rule, target=target, parts=(replace(rule.parts[0], shard=found[1]),))


def _rules(spec: DecoderSpec, names: Collection[str], quantisation: Quantisation | None, disk: Disk) -> Iterator[Rule]:
    base = f"{spec.base_name}." if spec.base_name else ""
    yield from _outside_of_layers(spec, names, base)
    scale = (quantisation.scale_ending, quantisation.block) if quantisation else None
    found: list[tuple[Rule, list[int]]] = []
    kinds = dict.fromkeys(spec.layers)
    for kind in kinds:
        scope = Scope(
            f"{base}{spec.layers_name}.{{layer}}.",
            f"{base_attribute(spec)}.{spec.layers_name}.{{layer}}.",
            ranges={"layer": range(0)},
            scale=scale,
        )
        layers = [i for i, layer in enumerate(spec.layers) if layer == kind]
        for rule in _layer(scope, kind, int(spec.hidden_size.value), disk):
            known = next((numbers for other, numbers in found if other == rule), None)
            if known is None:
                found.append((rule, list(layers)))
            else:
                known += layers
    for rule, numbers in found:
        for layer_range in runs(sorted(numbers)):
            yield replace(rule, ranges={**rule.ranges, "layer": layer_range})
    attentions = {layer.attention.name for layer in kinds}
    yield from _computed(names, f"{base}{spec.layers_name}.", range(len(spec.layers)), attentions)


def _outside_of_layers(spec: DecoderSpec, names: Collection[str], base: str) -> Iterator[Rule]:
    """Yield the rules of embedding, final norm and head."""
    hidden, vocab = int(spec.hidden_size.value), int(spec.vocab_size.value)
    model = Scope(base, f"{base_attribute(spec)}.")
    embedding = spec.embedding
    embed, head = f"{embedding.name}.weight", f"{spec.head_name}.weight"
    yield model.vocabulary(embed, vocab, hidden, target=f"{attribute(embedding.name)}.weight")
    if embedding.positions is not None and embedding.num_positions is not None:
        table, rows = embedding.positions[0], int(embedding.num_positions.value)
        yield model.whole(f"{table}.weight", rows, hidden, target=f"{attribute(table)}.weight")
    for name, norm in (embedding.norm or ("", None), (spec.norm_name, spec.norm)):
        if norm is not None:
            yield from _norm(model, name, norm, hidden, "")
    top = Scope()
    if not spec.tied.value:
        yield top.vocabulary(head, vocab, hidden, target=f"{attribute(spec.head_name)}.weight")
    elif head in names:
        yield top.tied(head, base + embed, vocab, hidden)
    if spec.head_bias:
        yield top.vocabulary(f"{spec.head_name}.bias", vocab, target=f"{attribute(spec.head_name)}.bias")


def _computed(names: Collection[str], layers: str, numbers: range, attentions: Collection[str]) -> Iterator[Rule]:
    """Yield the rules that leave out what older checkpoints keep and vLLM computes itself."""
    scope = Scope(f"{layers}{{layer}}.", ranges={"layer": numbers})
    for tail in (join(path, ending) for path in sorted(attentions) for ending in COMPUTED):
        if any(f"{layers}{number}.{tail}" in names for number in numbers):
            yield scope.ignored(tail, "a table that vLLM computes itself", is_computed=True)


def runs(indices: Sequence[int]) -> list[range]:
    """Return ascending numbers as few ranges, each with one step."""
    found: list[range] = []
    rest = list(indices)
    while rest:
        step = rest[1] - rest[0] if len(rest) > 1 else 1
        end = 1
        while end < len(rest) and rest[end] - rest[end - 1] == step:
            end += 1
        found.append(range(rest[0], rest[end - 1] + 1, step))
        rest = rest[end:]
    return found


def base_attribute(spec: DecoderSpec) -> str:
    """Return the attribute under which an adapter keeps the decoder."""
    return spec.base_name if spec.base_name.isidentifier() else "model"


def _layer(scope: Scope, spec: LayerSpec, hidden: int, disk: Disk) -> Iterator[Rule]:
    for name, norm in spec.norms:
        yield from _norm(scope, name, norm, hidden, "")
    if isinstance(spec.attention, LatentAttentionSpec):
        yield from _latent(scope, spec.attention, hidden)
    else:
        yield from _attention(scope, spec.attention, hidden)
    feed_forward = spec.feed_forward
    if isinstance(feed_forward, MlpSpec):
        yield from _mlp(scope, feed_forward, feed_forward.name, attribute(feed_forward.name, "mlp"), hidden)
    else:
        yield from _experts(scope, feed_forward, hidden, disk)


def _plain(scope: Scope) -> Scope:
    return Scope(scope.source, scope.target, scope.ranges)


def _norm(scope: Scope, path: str, norm: NormSpec, size: int, block: str) -> Iterator[Rule]:
    """Yield the rules of a norm; ``block`` is the attribute of the module that holds it."""
    scope, target = _plain(scope), join(block, attribute(path.removeprefix(f"{block}.")))
    form = norm_form(norm.form)
    if form.has_weight:
        yield scope.whole(f"{path}.weight", size, target=f"{target}.weight")
    if form.has_bias:
        yield scope.whole(f"{path}.bias", size, target=f"{target}.bias")


def _attention(scope: Scope, spec: AttentionSpec, hidden: int) -> Iterator[Rule]:
    heads, kv_heads, size = (int(v.value) for v in (spec.num_heads, spec.num_kv_heads, spec.head_dim))
    v_size = int(spec.v_head_dim.value)
    block = attribute(spec.name)
    layout, projection = Heads(heads, kv_heads, size, v_size), spec.projection
    parts = [join(spec.name, name) for name in projection.names]
    if projection.packed:
        target = join(block, attribute(parts[0]))
        yield from _packed_qkv(scope, spec, layout, parts[0], target, hidden)
    else:
        target = join(block, QKV)
        transforms = (Transpose(),) if projection.transposed else ()
        yield from scope.qkv([f"{p}.weight" for p in parts], f"{target}.weight", layout, hidden, transforms=transforms)
        if spec.qkv_bias.value:
            yield from scope.qkv([f"{p}.bias" for p in parts], f"{target}.bias", layout)
    output, ours = join(spec.name, spec.o_name), join(block, attribute(spec.o_name))
    transforms = (Transpose(),) if spec.o_transposed else ()
    shape = (heads * v_size, hidden) if spec.o_transposed else (hidden, heads * v_size)
    yield scope.row(f"{output}.weight", *shape, unit=v_size, target=f"{ours}.weight", transforms=transforms)
    if spec.o_bias.value:
        bias = join(spec.name, spec.o_bias_name) if spec.o_bias_name else f"{output}.bias"
        yield scope.whole(bias, hidden, target=f"{ours}.bias")
    if spec.qk_norm is not None:
        norm = spec.qk_norm
        for name, count in ((norm.q_name, heads), (norm.k_name, kv_heads)):
            yield from _norm(scope, join(spec.name, name), norm.norm, size if norm.per_head else count * size, block)
    if spec.output_norm is not None:
        yield from _norm(scope, join(spec.name, spec.output_norm[0]), spec.output_norm[1], heads * v_size, block)
    if spec.sinks:
        yield _plain(scope).column(join(spec.name, spec.sinks), heads, target=join(block, spec.sinks))
    if spec.gate is not None:
        gate, ours = join(spec.name, spec.gate.name), join(block, attribute(spec.gate.name))
        rows = heads if spec.gate.per_head else heads * v_size
        yield scope.column(f"{gate}.weight", rows, hidden, target=f"{ours}.weight")
        if spec.gate.bias.value:
            yield scope.column(f"{gate}.bias", rows, target=f"{ours}.bias")


def _packed_qkv(
    scope: Scope, spec: AttentionSpec, layout: Heads, name: str, target: str, hidden: int
) -> Iterator[Rule]:
    projection = spec.projection
    groups = real_groups(spec)
    counts = tuple(real_heads // groups for real_heads in (layout.heads, layout.kv_heads, layout.kv_heads))
    in_order = tuple(counts[i] for i in projection.order)
    sort: tuple[Transform, ...] = () if groups == 1 else (Ungroup(groups, in_order),)
    transpose: tuple[Transform, ...] = (Transpose(),) if projection.transposed else ()
    parts = tuple(layout.parts()[i] for i in projection.order)
    yield scope.pieces(f"{name}.weight", parts, hidden, target=f"{target}.weight", transforms=(*transpose, *sort))
    if spec.qkv_bias.value:
        yield scope.pieces(f"{name}.bias", parts, target=f"{target}.bias", transforms=sort)


def real_groups(spec: AttentionSpec) -> int:
    """Return the groups of a packed projection at the checkpoint's sizes: the spec has them as words or a number."""
    words = {"num_heads": spec.num_heads, "num_kv_heads": spec.num_kv_heads}
    groups = spec.projection.groups
    return int(words[groups].value) if isinstance(groups, str) else groups


def _latent(scope: Scope, spec: LatentAttentionSpec, hidden: int) -> Iterator[Rule]:
    heads, nope, rope = (int(v.value) for v in (spec.num_heads, spec.qk_nope_head_dim, spec.qk_rope_head_dim))
    v_size, rank = int(spec.v_head_dim.value), int(spec.kv_lora_rank.value)
    block = attribute(spec.name)

    def names(path: str) -> tuple[str, str]:
        return join(spec.name, path), join(block, attribute(path))

    inputs = hidden
    if spec.q_norm is not None and spec.q_lora_rank is not None:
        inputs = int(spec.q_lora_rank.value)
        source, target = names(spec.q_names[0])
        yield scope.whole(f"{source}.weight", inputs, hidden, target=f"{target}.weight")
        if spec.bias.value:
            yield scope.whole(f"{source}.bias", inputs, target=f"{target}.bias")
        yield from _norm(scope, join(spec.name, spec.q_norm[0]), spec.q_norm[1], inputs, block)
    source, target = names(spec.q_names[-1])
    yield scope.column(f"{source}.weight", heads * (nope + rope), inputs, unit=nope + rope, target=f"{target}.weight")
    source, target = names(spec.kv_a_name)
    yield scope.whole(f"{source}.weight", rank + rope, hidden, target=f"{target}.weight")
    if spec.bias.value:
        yield scope.whole(f"{source}.bias", rank + rope, target=f"{target}.bias")
    yield from _norm(scope, join(spec.name, spec.kv_norm[0]), spec.kv_norm[1], rank, block)
    source, target = names(spec.kv_b_name)
    yield scope.column(f"{source}.weight", heads * (nope + v_size), rank, unit=nope + v_size, target=f"{target}.weight")
    source, target = names(spec.o_name)
    yield scope.row(f"{source}.weight", hidden, heads * v_size, unit=v_size, target=f"{target}.weight")
    if spec.o_bias.value:
        yield scope.whole(f"{source}.bias", hidden, target=f"{target}.bias")


def _mlp(scope: Scope, spec: MlpSpec, path: str, block: str, hidden: int) -> Iterator[Rule]:
    size = int(spec.intermediate_size.value)
    transforms = (Transpose(),) if spec.transposed else ()
    up, down = join(path, spec.up_name), join(path, spec.down_name)
    if not spec.gated:
        ours = join(block, attribute(spec.up_name, UP))
        shape = (hidden, size) if spec.transposed else (size, hidden)
        yield scope.column(f"{up}.weight", *shape, target=f"{ours}.weight", transforms=transforms)
        if spec.bias.value:
            yield scope.column(f"{up}.bias", size, target=f"{ours}.bias")
    elif spec.packed:
        ours = join(block, attribute(spec.up_name, GATE_UP))
        yield scope.packed_gate_up(f"{up}.weight", size, hidden, target=f"{ours}.weight")
        if spec.bias.value:
            yield scope.packed_gate_up(f"{up}.bias", size, target=f"{ours}.bias")
    else:
        inputs = [join(path, name) for name in (spec.gate_name, spec.up_name)]
        ours = join(block, GATE_UP)
        yield from scope.gate_up([f"{name}.weight" for name in inputs], f"{ours}.weight", size, hidden)
        if spec.bias.value:
            yield from scope.gate_up([f"{name}.bias" for name in inputs], f"{ours}.bias", size)
    ours = join(block, attribute(spec.down_name, DOWN))
    shape = (size, hidden) if spec.transposed else (hidden, size)
    yield scope.row(f"{down}.weight", *shape, target=f"{ours}.weight", transforms=transforms)
    if spec.down_bias.value:
        yield scope.whole(f"{down}.bias", hidden, target=f"{ours}.bias")
    if spec.activation_name:
        act, ours = join(path, spec.activation_name), join(block, attribute(spec.activation_name))
        for name, sizes in XIELU_SHAPES.items():
            yield _plain(scope).whole(f"{act}.{name}", *sizes, target=f"{ours}.{name}")
    if spec.inner_norm is not None:
        yield from _norm(scope, join(path, spec.inner_norm[0]), spec.inner_norm[1], size, block)


def _experts(scope: Scope, spec: ExpertsSpec, hidden: int, disk: Disk) -> Iterator[Rule]:
    count, size = int(spec.num_experts.value), int(spec.intermediate_size.value)
    block, router = attribute(spec.name), spec.router
    plain = _plain(scope)
    gate = join(block, attribute(router.name.split(".")[0]))
    yield plain.whole(join(spec.name, router.name, router.weight_name), count, hidden, target=f"{gate}.weight")
    if router.bias:
        yield plain.whole(join(spec.name, router.name, "bias"), count, target=f"{gate}.bias")
    if router.correction_bias:
        source = join(spec.name, router.correction_bias)
        shape = disk.vector(scope, source, count)
        flatten = (Flatten(),) if len(shape) > 1 else ()
        yield plain.whole(source, *shape, target=f"{gate}.e_score_correction_bias", transforms=flatten)
    targets = [join(block, EXPERTS, "routed_experts", name) for name in ("w13_weight", "w2_weight")]
    yield from disk.experts(scope, spec, targets, count, size, hidden)
    if spec.shared is not None:
        shared = spec.shared
        path = shared.name if spec.shared_beside else join(spec.name, shared.name)
        yield from _mlp(scope, shared, path, join(block, attribute(shared.name)), hidden)
    if spec.shared_gate is not None:
        ours = join(block, attribute(spec.shared_gate))
        yield plain.whole(f"{join(spec.name, spec.shared_gate)}.weight", 1, hidden, target=f"{ours}.weight")
