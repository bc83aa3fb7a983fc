"""The class of grouped-query attention in an adapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from scaffold.expressions.python import write as write_expression
from scaffold.expressions.uses import imports as imports_of
from scaffold.expressions.uses import needs_layer
from scaffold.idioms import layers as all_layers
from scaffold.idioms.carried import KV_LOADER
from scaffold.idioms.construct import construct_mixer
from scaffold.idioms.frame import Frame
from scaffold.idioms.head_norms import head_norms
from scaffold.idioms.per_layer import HINTS, PerLayer
from scaffold.idioms.written import Loader, Sorting, Written, slots
from scaffold.mixers.grouped_query.pieces.layers import SLOTS, Layers
from scaffold.mixers.grouped_query.pieces.table import pieces_of
from scaffold.mixers.grouped_query.spec import AttentionSpec, ProjectionSpec, values_differ
from scaffold.rendering.fragment import fill
from scaffold.source.python.errors import NotUnderstood
from scaffold.weights.targets import KEYS, QKV, VALUES, attribute, join
from scaffold.weights.transforms import Apart, Twice, Zeros

TEMPLATE = Path(__file__).parent / "attention.py.jinja"
SHARE_KEYS = Path(__file__).parent / "share_keys.py.jinja"
FILL_BIASES = Path(__file__).parent / "fill_biases.py.jinja"
PAIR_HEADS = Path(__file__).parent / "pair_heads.py.jinja"
PAIR_GATES = Path(__file__).parent / "pair_gates.py.jinja"
SPLIT_KEY_VALUES = Path(__file__).parent / "split_key_values.py.jinja"
PARTS = "qkv"
IMPORTS = (
    "import torch",
    "from torch import nn",
    "from vllm.config import CacheConfig",
    "from vllm.distributed import get_tensor_model_parallel_world_size",
    "from vllm.model_executor.layers.attention import Attention",
    "from vllm.model_executor.layers.linear import (QKVParallelLinear, RowParallelLinear,)",
    "from vllm.model_executor.layers.quantization import QuantizationConfig",
)


def write(layers: Sequence[AttentionSpec | None], class_name: str, frame: Frame) -> Written:
    """Return the class.

    Raises:
        NotUnderstood: layers differ in a way that there is no idiom for.
    """
    used: list[AttentionSpec] = all_layers.present(layers)
    part = "v_head_dim" if values_differ(used) else "head_dim"
    width = f"self.total_num_heads * self.{part}"
    per_layer = PerLayer(frame.config, HINTS["mixer"])
    own = Layers(all_layers.filled(layers), used, per_layer, frame, width)
    projection = own.same("their projections", lambda a: _as_loaded(a.projection))
    name = own.same("the attention's name", lambda a: a.name)
    numbers = {
        "num_heads": own.value(lambda a: a.num_heads),
        "num_kv_heads": own.value(lambda a: a.num_kv_heads),
        "head_dim": own.value(lambda a: a.head_dim),
        "scale": own.value(lambda a: a.scale),
        "qkv_bias": own.value(lambda a: a.qkv_bias),
        "o_bias": own.value(lambda a: a.o_bias),
    }
    pieces = pieces_of(own)
    expressions = [*numbers.values(), *(expression for piece in pieces for expression in piece.uses)]
    text = fill(
        TEMPLATE,
        class_name=class_name,
        frame=frame,
        numbers={name: write_expression(number, names=own.names) for name, number in numbers.items()},
        qkv_name=attribute(projection.names[0]) if projection.packed else QKV,
        o_name=attribute(own.same("their output", lambda a: a.o_name)),
        width=width,
        in_pairs=any(a.differential is not None for a in used),
        needs_config=any(piece.needs_config for piece in pieces),
        needs_layer_idx=any(map(needs_layer, expressions)),
        slots=slots(pieces, SLOTS),
    )
    helpers = frozenset[str]().union(*(piece.helpers for piece in pieces))
    if KV_LOADER in helpers:
        text = f"{KV_LOADER}\n\n{text}"
    for norm in dict.fromkeys(a.qk_norm.norm for a in used if a.qk_norm is not None and a.qk_norm.of_each):
        text = f"{head_norms(norm, frame.prefix)}\n\n{text}"
    return Written(
        text,
        construct_mixer(attribute(name), class_name),
        (*IMPORTS, *imports_of(numbers["scale"]), *(line for piece in pieces for line in piece.imports)),
        helpers,
        sorting=_sorting(used, frame.hidden_size) if frame.loading.packed else None,
        loaders=tuple(_loaders(own, name, frame)),
    )


def _as_loaded(projection: ProjectionSpec) -> ProjectionSpec:
    """Return a projection without the names of layers whose weights become one parameter: a loader knows these."""
    return projection if projection.packed else replace(projection, names=("", "", ""))


def _loaders(own: Layers, name: str, frame: Frame) -> Iterator[Loader]:
    """Yield what loads keys and values without projections of their own, and gates that lie behind all of q."""
    pairs = [a for a in own.used if a.projection.kv_groups]
    if pairs:
        yield Loader("split_key_values", _split(own, pairs, name, frame))
    gated = [a for a in own.used if a.gate is not None and a.gate.in_halves]
    if gated:
        yield Loader("pair_gates", _pair_gates(own, gated, name, frame))
    if any(a.differential is not None for a in own.used):
        yield Loader("pair_heads", _pair_heads(own, name, frame))
    if any(a.unbiased for a in own.used):
        yield Loader("fill_biases", _fill(own, name, frame))
    shared = [a.projection.names[1] for a in own.used if a.projection.shares_kv]
    if not shared:
        return
    if len(set(shared)) > 1:
        raise NotUnderstood("no idiom yet for keys that are values, too, under different names", own.used[0].source)
    keys = join(name, shared[0])
    rule = next(rule for rule in frame.rules.rules if any(isinstance(step, Twice) for step in rule.transforms))
    condition = own.per_layer.condition([a.projection.shares_kv for a in own.specs])
    text = fill(
        SHARE_KEYS,
        keys=keys,
        values=join(keys.rpartition(".")[0], VALUES),
        layers=rule.source.partition("{layer}")[0],
        condition=write_expression(condition),
    )
    yield Loader("share_keys", text.rstrip())


def _fill(own: Layers, name: str, frame: Frame) -> str:
    """Return what loads zeros as the biases of projections that have none, where one parameter holds all three."""
    attention = own.used[0]
    kinds = {(a.projection.names, a.unbiased, a.num_heads, a.num_kv_heads, a.head_dim) for a in own.used}
    if len(kinds) > 1 or values_differ(own.used):
        raise NotUnderstood("no idiom yet for layers with biases on different projections", attention.source)
    words = {"num_heads": "num_heads", "hidden_size": f"self.config.{frame.hidden_size}"}
    names = attention.projection.names
    biased = next(part for part in range(3) if part not in attention.unbiased)
    rule = next(rule for rule in frame.rules.rules if any(isinstance(step, Zeros) for step in rule.transforms))
    return fill(
        FILL_BIASES,
        num_heads=write_expression(attention.num_heads.tree, "self.config"),
        num_kv_heads=write_expression(attention.num_kv_heads.tree, "self.config", words),
        head_dim=write_expression(attention.head_dim.tree, "self.config", words),
        biased=join(name, names[biased]),
        zeros=[(join(name, names[part]), "num_kv_heads" if part else "num_heads") for part in attention.unbiased],
        layers=rule.source.partition("{layer}")[0],
    ).rstrip()


def _pair_gates(own: Layers, gated: list[AttentionSpec], name: str, frame: Frame) -> str:
    """Return what puts the gates of q's heads where vLLM's layer of q, k and v shares them with their heads."""
    kinds = {(a.projection.names[0], a.num_heads) for a in gated}
    if len(kinds) > 1 or len(gated) < len(own.used):
        raise NotUnderstood("no idiom yet for gates that lie beside q in different ways", gated[0].source)
    ((query, num_heads),) = kinds
    rule = next(rule for rule in frame.rules.rules if any(part.shard == "q" for part in rule.parts))
    words = {"hidden_size": f"self.config.{frame.hidden_size}"}
    return fill(
        PAIR_GATES,
        num_heads=write_expression(num_heads.tree, "self.config", words),
        queries=join(name, query),
        layers=rule.source.partition("{layer}")[0],
    ).rstrip()


def _pair_heads(own: Layers, name: str, frame: Frame) -> str:
    """Return what puts the two heads of a pair side by side, in all three projections."""
    kinds = {(a.projection.names, a.num_heads, a.num_kv_heads) for a in own.used}
    if len(kinds) > 1:
        raise NotUnderstood("no idiom yet for layers with pairs of heads of different numbers", own.used[0].source)
    ((names, num_heads, num_kv_heads),) = kinds
    rule = next(rule for rule in frame.rules.rules if any(part.shard == "q" for part in rule.parts))
    words = {"hidden_size": f"self.config.{frame.hidden_size}"}
    return fill(
        PAIR_HEADS,
        num_heads=write_expression(num_heads.tree, "self.config", words),
        num_kv_heads=write_expression(num_kv_heads.tree, "self.config", {**words, "num_heads": "num_heads"}),
        projections=[(join(name, part), "num_kv_heads" if i else "num_heads") for i, part in enumerate(names)],
        layers=rule.source.partition("{layer}")[0],
    ).rstrip()


def _split(own: Layers, pairs: list[AttentionSpec], name: str, frame: Frame) -> str:
    """Return what loads a projection of keys and values as one of each."""
    kinds = {(a.projection.names[1], a.projection.kv_groups, a.projection.kv_order, a.num_kv_heads) for a in pairs}
    if len(kinds) > 1 or values_differ(pairs):
        raise NotUnderstood("no idiom yet for keys and values that lie together in different ways", pairs[0].source)
    projection = pairs[0].projection
    rule = next(rule for rule in frame.rules.rules if any(isinstance(step, Apart) for step in rule.transforms))
    groups: object = projection.kv_groups
    if isinstance(groups, str):
        groups = write_expression(pairs[0].num_kv_heads.tree, "self.config")
    return fill(
        SPLIT_KEY_VALUES,
        groups=groups,
        pairs=join(name, projection.names[1]),
        keys=join(name, projection.names[1].rpartition(".")[0], KEYS),
        values=join(name, projection.names[1].rpartition(".")[0], VALUES),
        order=", ".join("kv"[part] for part in projection.kv_order),
        layers=rule.source.partition("{layer}")[0],
    ).rstrip()


def _sorting(layers: Sequence[AttentionSpec], hidden_size: str) -> Sorting | None:
    """Return how a packed projection is sorted."""
    packed = [layer for layer in layers if layer.projection.packed]
    if not packed:
        return None
    if len({(a.projection, a.num_heads, a.num_kv_heads, a.head_dim) for a in packed}) != 1:
        raise NotUnderstood("no idiom yet for layers that keep q, k and v in different ways")
    attention = packed[0]
    projection = attention.projection
    same = attention.num_heads.tree == attention.num_kv_heads.tree
    numbers = [("num_heads", attention.num_heads), *(() if same else (("num_kv_heads", attention.num_kv_heads),))]
    numbers.append(("head_dim", attention.head_dim))
    names = {"num_heads": "num_heads", "hidden_size": f"self.config.{hidden_size}"}  # what the loader calls them
    lines = [f"{name} = {write_expression(value.tree, 'self.config', names)}" for name, value in numbers]
    kv = "num_heads" if same else "num_kv_heads"
    lines.append(f"groups = {kv if projection.groups == 'num_kv_heads' else projection.groups}")
    counts = [f"{count} // groups" for count in ("num_heads", kv, kv)]
    lines.append(f"counts = [{', '.join(counts[part] for part in projection.order)}]")
    order = "" if projection.order == (0, 1, 2) else ", ".join(PARTS[part] for part in projection.order)
    return Sorting(order, tuple(lines))
