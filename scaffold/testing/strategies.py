"""Hypothesis strategies for tests of weight rules: names, key sets, tensor-parallel sizes, rule sets, mutations."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from scaffold.checkpoint.headers import TensorHeader
from scaffold.testing.mutations import MUTATIONS, Mutated, Mutation
from scaffold.weights.ranks import fitting_sizes
from scaffold.weights.rules import Rule, WeightMap
from scaffold.weights.scope import Heads, Scope
from scaffold.weights.transforms import Array, Transform, Transpose, Ungroup

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
SHARD = "model.safetensors"


# For given rules


def names(weight_map: WeightMap) -> st.SearchStrategy[str]:
    """Names of tensors that fill a parameter."""
    rules = [rule for rule in weight_map.rules if not rule.is_ignored]

    def named(rule: Rule) -> st.SearchStrategy[str]:
        values = {name: st.sampled_from(rule.ranges[name]) for name in rule.captures}
        return st.fixed_dictionaries(values).map(rule.source.format_map)

    return st.sampled_from(rules).flatmap(named)


def key_sets(weight_map: WeightMap, most: int = 50) -> st.SearchStrategy[list[str]]:
    """Sets of such names, in any order."""
    return st.lists(names(weight_map), min_size=1, max_size=most, unique=True)


def tensor_parallel_sizes(weight_map: WeightMap) -> st.SearchStrategy[int]:
    """Tensor-parallel sizes that the layers of a model allow, from 1 to 64."""
    return st.sampled_from(fitting_sizes(weight_map, SIZES))


@dataclass(frozen=True)
class MutatedHeaders:
    """A checkpoint's headers after a mutation, and which mutation it was."""

    mutation: Mutation
    headers: Mutated

    def __repr__(self) -> str:
        return f"MutatedHeaders({self.mutation.name!r}, {len(self.headers)} headers)"


@st.composite
def mutated_headers(draw: st.DrawFn, weight_map: WeightMap) -> MutatedHeaders:
    """The headers of a complete checkpoint with one mutation applied."""
    mutation = draw(st.sampled_from(MUTATIONS))
    seed = draw(st.integers(0, 2**32 - 1))
    random = Random(seed)  # noqa: S311 - no secret
    mutated = mutation.apply(weight_map, headers_of(weight_map), random)
    assume(mutated is not None)
    assert mutated is not None
    return MutatedHeaders(mutation, mutated)


def headers_of(weight_map: WeightMap) -> dict[str, TensorHeader]:
    """Return the headers of a checkpoint with all tensors that the rules need; weights with scales are fp8."""
    found = {}
    for rule in weight_map.rules:
        for values in rule.instances() if rule.shape is not None and rule.required else ():
            name = rule.source.format_map(values)
            found[name] = TensorHeader(name, "F8_E4M3" if rule.scale else "BF16", rule.shape or (), SHARD)
            if rule.scale is not None:
                scale = rule.scale.name.format_map(values)
                found[scale] = TensorHeader(scale, "F32", rule.scale.shape(rule.shape or ()), SHARD)
    return found


def arrays_of(weight_map: WeightMap, seed: int = 0) -> dict[str, Array]:
    """Return random float32 tensors for all of `headers_of`; every entry is a unique number."""
    random = np.random.default_rng(seed)
    sizes = {name: int(np.prod(header.shape, dtype=np.int64)) for name, header in headers_of(weight_map).items()}
    order = random.permutation(sum(sizes.values())).astype(np.float32)
    found, position = {}, 0
    for name, header in headers_of(weight_map).items():
        found[name] = order[position : position + sizes[name]].reshape(header.shape)
        position += sizes[name]
    return found


# For any model


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Heads, int]:
    """Heads of grouped-query attention and a tensor-parallel size that vLLM allows for them."""
    size = draw(st.sampled_from([1, 2, 3, 4, 6, 8, 16]))
    if draw(st.booleans()):
        kv_heads = size * draw(st.integers(1, 3))  # shared
    else:
        kv_heads = draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))  # replicated
    unit = size * kv_heads // np.gcd(size, kv_heads)
    heads = int(unit) * draw(st.integers(1, 2))
    return Heads(heads, kv_heads, draw(st.sampled_from([1, 2, 5]))), size


@st.composite
def weight_maps(draw: st.DrawFn, scaled: bool | None = None) -> tuple[WeightMap, int]:
    """Rules of small decoders in the layouts that models use, and a tensor-parallel size that they allow.

    Args:
        draw: Hypothesis' draw function.
        scaled: whether weights have scales per block; by default either.
    """
    heads, size = draw(layouts())
    hidden, inner = draw(st.integers(1, 6)), size * draw(st.integers(1, 3))
    vocab = draw(st.integers(1, 150))
    with_scales = draw(st.booleans()) if scaled is None else scaled
    block = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    layer = Scope(
        "model.layers.{layer}.",
        ranges={"layer": range(draw(st.integers(1, 3)))},
        scale=("weight_scale_inv", block) if with_scales else None,
    )
    plain, model = Scope(layer.source, ranges=layer.ranges), Scope()
    padding_fits = -(-vocab // 64) * 64 % size == 0
    rules = [
        model.vocabulary("model.embed_tokens.weight", vocab, hidden)
        if padding_fits
        else model.whole("model.embed_tokens.weight", vocab, hidden),
        model.whole("model.norm.weight", hidden),
        plain.whole("input_layernorm.weight", hidden),
        *_attention(draw, layer, plain, heads, hidden),
        *draw(st.sampled_from([_dense, _experts, _stacked_experts]))(draw, layer, hidden, inner),
    ]
    return WeightMap(tuple(rules)), size


def _attention(draw: st.DrawFn, layer: Scope, plain: Scope, heads: Heads, hidden: int) -> list[Rule]:
    path = "self_attn."
    width = heads.heads * heads.head_dim
    rules = [layer.row(f"{path}o_proj.weight", hidden, width, unit=heads.head_dim)]
    if draw(st.booleans()):
        separate = [f"{path}{part}_proj" for part in "qkv"]
        rules += layer.qkv([f"{name}.weight" for name in separate], f"{path}qkv_proj.weight", heads, hidden)
        if draw(st.booleans()):
            rules += plain.qkv([f"{name}.bias" for name in separate], f"{path}qkv_proj.bias", heads)
    else:
        transforms: list[Transform] = [Transpose()] if draw(st.booleans()) and layer.scale is None else []
        if draw(st.booleans()):
            group = heads.heads // heads.kv_heads
            transforms.append(Ungroup(heads.kv_heads, (group, 1, 1)))
        rules.append(layer.packed_qkv(f"{path}qkv_proj.weight", heads, hidden, transforms=transforms))
    if draw(st.booleans()):
        rules.append(plain.column(f"{path}q_norm.weight", width, unit=heads.head_dim))
        rules.append(plain.key_heads(f"{path}k_norm.weight", heads))
    return rules


def _dense(draw: st.DrawFn, layer: Scope, hidden: int, inner: int) -> list[Rule]:
    rules = [layer.row("mlp.down_proj.weight", hidden, inner)]
    if draw(st.booleans()):
        return [*rules, layer.packed_gate_up("mlp.gate_up_proj.weight", inner, hidden)]
    names = ["mlp.gate_proj.weight", "mlp.up_proj.weight"]
    return [*rules, *layer.gate_up(names, "mlp.gate_up_proj.weight", inner, hidden)]


def _experts(draw: st.DrawFn, layer: Scope, hidden: int, inner: int) -> list[Rule]:
    parts = [f"mlp.experts.{{expert}}.{name}_proj.weight" for name in ("gate", "up", "down")]
    targets = ["mlp.experts.w13_weight", "mlp.experts.w2_weight"]
    return list(layer.experts(parts, targets, draw(st.integers(1, 5)), inner, hidden))


def _stacked_experts(draw: st.DrawFn, layer: Scope, hidden: int, inner: int) -> list[Rule]:
    count, flags = draw(st.integers(1, 5)), {"transposed": draw(st.booleans()), "alternating": draw(st.booleans())}
    gate_up, down = "mlp.experts.gate_up_proj", "mlp.experts.down_proj"
    return [
        layer.stacked_gate_up(gate_up, "mlp.experts.w13_weight", count, inner, hidden, **flags),
        layer.stacked_down(down, "mlp.experts.w2_weight", count, inner, hidden, transposed=flags["transposed"]),
    ]


@st.composite
def scaled_weights(draw: st.DrawFn) -> tuple[Array, Array, tuple[int, int]]:
    """A weight, its scales, and the block: any sizes, including edge blocks; 0 in a block stands for the whole axis."""
    rows, columns = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    block = (draw(st.integers(0, 14)), draw(st.integers(0, 14)))
    shape = tuple(-(-size // (step or size)) for size, step in zip((rows, columns), block))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weight: Any = random.normal(size=(rows, columns)).astype(np.float32)
    return weight, np.exp(random.normal(size=shape) * 3).astype(np.float32), block
