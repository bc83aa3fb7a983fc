"""What people read of grouped-query attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.expressions.tree import HEAD_DIM
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.spec.facts import keys_of, rope_fact, sized, source


def facts(spec: AttentionSpec, which: str, config: Mapping[str, Any]) -> Iterator[Fact]:
    """Yield heads, projections, scale, norms, mask, what happens to the output, and the rotation."""
    origin = source(spec.source)
    heads = f"{spec.num_heads.value} heads, {spec.num_kv_heads.value} KV heads of {spec.head_dim.value}"
    if spec.v_head_dim != spec.head_dim:
        heads += f", values of {spec.v_head_dim.value}"
    yield Fact(f"attention{which}", heads, (origin, *keys_of(spec.num_heads), *keys_of(spec.num_kv_heads)))
    projection = spec.projection
    layout = (
        f"one layer, {projection.groups} {'group' if projection.groups == 1 else 'groups'}"
        if projection.packed
        else "separate"
    )
    layout += ", k and v in one layer" if projection.kv_groups else ""
    layout += ", v is what the layer of k gives" if projection.shares_kv else ""
    layout += ", transposed" if projection.transposed else ""
    yield Fact(f"projections of q, k, v{which}", layout, tuple(Evidence("tensor", n) for n in projection.names))
    yield from _details(spec, which, origin)
    yield from rope_fact(config, spec.rope, which, origin)


def _details(spec: AttentionSpec, which: str, origin: Evidence) -> Iterator[Fact]:
    scale = "1 / sqrt of the head size" if spec.scale.tree == HEAD_DIM**-0.5 else spec.scale.code
    yield Fact(f"softmax scale{which}", scale, (origin, *keys_of(spec.scale)))
    biased = "/".join(name for i, name in enumerate("qkv") if i not in spec.unbiased)
    bias = f"{biased} {spec.qkv_bias.value}, output {spec.o_bias.value}"
    yield Fact(f"attention bias{which}", bias, (origin, *keys_of(spec.qkv_bias)))
    if spec.qk_norm:
        per = "each head" if spec.qk_norm.per_head else "the whole projection"
        per += ", with a weight of its own" if spec.qk_norm.of_each else ""
        order = "before" if spec.qk_norm.before_rope else "after"
        yield Fact(f"q/k norm{which}", f"{spec.qk_norm.norm.form} over {per}, {order} the rotation", (origin,))
    if spec.v_norm:
        per = "each head" if spec.v_norm.per_head else "the whole projection"
        yield Fact(f"v norm{which}", f"{spec.v_norm.norm.form} over {per}", (source(spec.v_norm.norm.source),))
    if spec.carried:
        yield Fact(f"q, k and v{which}", "statements of the source, carried over", (origin,))
    if spec.carried_output:
        yield Fact(f"the attention's output{which}", "statements of the source, carried over", (origin,))
    if spec.differential:
        vectors = tuple(Evidence("tensor", f"{spec.name}.{name}") for name in spec.differential.vectors)
        yield Fact(f"differential attention{which}", f"{spec.differential.norm.form} of each pair", (*vectors, origin))
    yield from _of_scores(spec, which, origin)


def _of_scores(spec: AttentionSpec, which: str, origin: Evidence) -> Iterator[Fact]:
    if spec.clip:
        yield sized(f"limit on q, k and v{which}", spec.clip)
    if spec.window:
        yield sized(f"sliding window{which}", spec.window)
    if spec.chunk:
        yield sized(f"attention in chunks of{which}", spec.chunk)
    if spec.soft_cap:
        yield sized(f"attention soft cap{which}", spec.soft_cap)
    if spec.sinks:
        yield Fact(f"sinks{which}", spec.sinks, (Evidence("tensor", f"{spec.name}.{spec.sinks}"), origin))
    if spec.slopes:
        shown = f"{spec.slopes.form} scaled" if spec.slopes.scaled else spec.slopes.form
        yield Fact(f"positions{which}", f"ALiBi ({shown})", (origin,))
    if spec.position_scale:
        name, numbers = spec.position_scale
        yield Fact(f"factor on q{which}", name, (origin, *sum(map(keys_of, numbers), ())))
    if spec.gate:
        per = "head" if spec.gate.per_head else "entry"
        yield Fact(f"output gate{which}", f"sigmoid per {per}", (Evidence("tensor", f"{spec.name}.{spec.gate.name}"),))
    if spec.output_norm:
        yield Fact(f"norm of the attention's output{which}", spec.output_norm[1].form, (origin,))
