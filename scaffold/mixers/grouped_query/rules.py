"""The weight rules of grouped-query attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scaffold.carried.rules import carried_rules
from scaffold.idioms.frame import Target
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.weights.norm_rules import list_rules, norm_rules
from scaffold.weights.rules import Rule
from scaffold.weights.scope import Heads, Scope
from scaffold.weights.targets import QKV, attribute, flat_attribute, join
from scaffold.weights.transforms import Transform, Transpose, Ungroup


def rules(scope: Scope, spec: AttentionSpec, hidden: int, target: Target) -> Iterator[Rule]:
    """Yield the rules of a block."""
    heads, kv_heads, size = (int(v.value) for v in (spec.num_heads, spec.num_kv_heads, spec.head_dim))
    v_size = int(spec.v_head_dim.value)
    if spec.differential is not None:  # ranks share pairs of heads
        heads, kv_heads, size, v_size = heads // 2, kv_heads // 2, 2 * size, 2 * v_size
    block = attribute(spec.name)
    gated = spec.gate is not None and spec.gate.with_q
    layout, projection = Heads(heads, kv_heads, size, v_size, gated), spec.projection
    parts = [join(spec.name, name) for name in projection.names]
    if projection.packed:
        ours = join(block, attribute(parts[0]))
        yield from _packed_qkv(scope, spec, layout, parts[0], ours, hidden)
    else:
        ours = join(block, QKV)
        transforms = (Transpose(),) if projection.transposed else ()
        pairs: dict[str, Any] = {}
        if projection.kv_groups:
            pairs = {"pairs": _number(projection.kv_groups, spec), "kv_order": projection.kv_order}
        paired = (Ungroup(2, (1,) * heads),) if spec.gate is not None and spec.gate.in_halves else ()
        if spec.differential is not None:
            paired, pairs = (Ungroup(2, (1,) * heads),), {"of_kv": (Ungroup(2, (1,) * kv_heads),)}
        names = [f"{p}.weight" for p in parts]
        yield from scope.qkv(names, f"{ours}.weight", layout, hidden, transforms=transforms, of_q=paired, **pairs)
        if spec.qkv_bias.value:
            biases = [f"{p}.bias" for p in parts]
            yield from scope.qkv(biases, f"{ours}.bias", layout, zeros=spec.unbiased, of_q=paired, **pairs)
    output, ours = join(spec.name, spec.o_name), join(block, attribute(spec.o_name))
    transforms = (Transpose(),) if spec.o_transposed else ()
    shape = (heads * v_size, hidden) if spec.o_transposed else (hidden, heads * v_size)
    yield scope.row(f"{output}.weight", *shape, unit=v_size, target=f"{ours}.weight", transforms=transforms)
    if spec.o_bias.value:
        bias = join(spec.name, spec.o_bias_name) if spec.o_bias_name else f"{output}.bias"
        yield scope.whole(bias, hidden, target=f"{ours}.bias")
    yield from _norms(scope, spec, block)
    yield from _carried(scope, spec, block, hidden)
    if spec.sinks:
        yield scope.unscaled().column(join(spec.name, spec.sinks), heads, target=join(block, spec.sinks))
    if spec.gate is not None and not gated:
        gate, ours = join(spec.name, spec.gate.name), join(block, attribute(spec.gate.name))
        rows = heads if spec.gate.per_head else heads * v_size
        yield scope.column(f"{gate}.weight", rows, hidden, target=f"{ours}.weight")
        if spec.gate.bias.value:
            yield scope.column(f"{gate}.bias", rows, target=f"{ours}.bias")


def _norms(scope: Scope, spec: AttentionSpec, block: str) -> Iterator[Rule]:
    heads, kv_heads, size = (int(v.value) for v in (spec.num_heads, spec.num_kv_heads, spec.head_dim))
    v_size = int(spec.v_head_dim.value)
    if spec.qk_norm is not None:
        norm = spec.qk_norm
        for name, count in ((norm.q_name, heads), (norm.k_name, kv_heads)):
            if norm.of_each:
                yield from list_rules(
                    scope, join(spec.name, name), norm.norm, size, count, join(block, flat_attribute(name))
                )
                continue
            yield from norm_rules(
                scope, join(spec.name, name), norm.norm, size if norm.per_head else count * size, block
            )
    if spec.v_norm is not None:
        width = v_size if spec.v_norm.per_head else kv_heads * v_size
        yield from norm_rules(scope, join(spec.name, spec.v_norm.name), spec.v_norm.norm, width, block)
    if spec.differential is not None:
        for name in spec.differential.vectors:
            yield scope.unscaled().whole(join(spec.name, name), size, target=join(block, attribute(name)))
        yield from norm_rules(
            scope, join(spec.name, spec.differential.norm_name), spec.differential.norm, 2 * size, block
        )
    if spec.output_norm is not None:
        yield from norm_rules(scope, join(spec.name, spec.output_norm[0]), spec.output_norm[1], heads * v_size, block)


def _carried(scope: Scope, spec: AttentionSpec, block: str, hidden: int) -> Iterator[Rule]:
    stretches = [] if spec.carried is None else [*spec.carried.before, *spec.carried.after]
    if spec.carried_output is not None:
        stretches.append(spec.carried_output)
    yield from carried_rules(scope, stretches, spec.name, block, int(spec.num_kv_heads.value), hidden)


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
    return _number(spec.projection.groups, spec)


def _number(groups: int | str, spec: AttentionSpec) -> int:
    words = {"num_heads": spec.num_heads, "num_kv_heads": spec.num_kv_heads}
    return int(words[groups].value) if isinstance(groups, str) else groups
