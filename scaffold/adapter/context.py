"""The adapter's part of the cookiecutter context: plain words and expressions, made from the spec alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from typing import Any

from scaffold.adapter.blocks import Blocks, Branch, beside_of, feed_forwards_of, mixers_of
from scaffold.adapter.loading import loading_context, tables
from scaffold.adapter.wiring import alike, layer_context, without
from scaffold.expressions.python import write
from scaffold.expressions.tree import TRUE, Expression
from scaffold.expressions.uses import needs_layer
from scaffold.idioms.frame import NEWEST, Frame, Target
from scaffold.idioms.norms import adds_residual, norm_call, own_classes
from scaffold.idioms.per_layer import HINTS, PerLayer
from scaffold.idioms.written import NORM_OVER_RANKS
from scaffold.mapping.derive import base_attribute
from scaffold.reading.embeddings import SINUSOIDS
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.decoder import DecoderSpec, EmbeddingSpec
from scaffold.spec.layers import LayerSpec
from scaffold.spec.values import ONE, Value
from scaffold.weights.quantisation import Quantisation
from scaffold.weights.rules import WeightMap
from scaffold.weights.targets import attribute, flat_attribute

LICENCE_HEADER = (
    "# SPDX-License-Identifier: Apache-2.0\n# SPDX-FileCopyrightText: Copyright contributors to the vLLM project"
)
"""Used where the target tree's own header cannot be read (vLLM: tools/pre_commit/check_spdx_header.py)."""

TIED = "tie_word_embeddings"
Context = dict[str, Any]


def class_prefix(architecture: str) -> str:
    """Return the stem that an adapter's classes share: ``HeliumForCausalLM`` → ``Helium``."""
    stem = re.sub(r"(For[A-Z]\w*|LMHeadModel|Model)$", "", architecture) or architecture
    return f"{stem}Text" if architecture == f"{stem}Model" else stem  # the class inside is called so


def module_name(model_type: str) -> str:
    """Return the adapter's module name: what a model type has of a Python name in ASCII; empty if that is nothing."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", model_type).strip("_").lower()
    return name if not name[:1].isdigit() else f"model_{name}"


def adapter_context(
    architecture: str,
    config_class: str,
    spec: DecoderSpec,
    weight_map: WeightMap,
    names: Collection[str],
    licence_header: str = LICENCE_HEADER,
    quantisation: Quantisation | None = None,
    target: Target = NEWEST,
    may_lack_tied: bool = False,
) -> Context:
    """Return the context of the adapter template.

    Args:
        architecture: the class name that the checkpoint asks for.
        config_class: the class in transformers that the model's config is.
        spec: the decoder.
        weight_map: its weight rules.
        names: the checkpoint's tensor names.
        licence_header: the target tree's own, as comment lines.
        quantisation: of weights that are dequantised while they are loaded.
        target: the vLLM that the adapter is for.
        may_lack_tied: whether config objects may come without ``tie_word_embeddings``, as older classes leave it to
            transformers, which no longer sets it.

    Raises:
        NotUnderstood: a form that there is no idiom for yet.
    """
    prefix = class_prefix(architecture)
    hidden = _key(spec.hidden_size)
    found = tables(spec, weight_map, names)
    runs = "" if spec.runs == ONE else spec.runs.code
    frame = Frame(
        *(prefix, config_class, hidden, spec.config, target, weight_map, found, runs, _key(spec.num_layers)),
        mixers=max(len(layer.mixers) for layer in spec.layers),
    )
    mixers, feed_forwards = mixers_of(spec.layers, frame), feed_forwards_of(spec.layers, frame)
    written = (*mixers.written, *feed_forwards.written)
    sorting = next((one.sorting for one in written if one.sorting is not None), None)
    return {
        "licence_header": licence_header,
        "title": prefix,
        "class_name": architecture,
        "prefix": prefix,
        "config_class": config_class,
        "base_name": base_attribute(spec),
        "layers_name": attribute(spec.layers_name),
        "hidden_size_key": hidden,
        "vocab_size_key": _key(spec.vocab_size),
        "num_layers_key": _key(spec.num_layers),
        "runs": {
            "count": write(spec.runs.tree, "self.config"),
            "norm_each": spec.norm_each_run,
            "in_place": spec.run_in_place,
        }
        if runs
        else {},
        "embedding": _embedding(spec.embedding, f"config.{hidden}", prefix),
        "norm": _final_norm(spec, f"config.{hidden}", prefix),
        "head": _head(spec),
        "tied": {
            name: f'getattr({config}, "{TIED}", {bool(spec.tied.value)})' if may_lack_tied else f"{config}.{TIED}"
            for name, config in (("config", "config"), ("own_config", "self.config"))
            if spec.tied.key
        },
        "api": {"stacked_mapper": target.stacked_mapper},
        "mixer": _blocks(mixers),
        "feed_forward": _blocks(feed_forwards),
        "imports": {"lines": sorted({line for one in written for line in one.imports})},
        "loaders": {"rows": [vars(loader) for one in written for loader in one.loaders]},
        "layer": _layer(spec, f"config.{hidden}", prefix, mixers, feed_forwards, beside_of(spec.layers, frame)),
        "own_norms": {"texts": own_classes(spec, prefix)},
        "norm_over_ranks": any(NORM_OVER_RANKS in one.helpers for one in written),
        "loading": loading_context(spec, found, names, sorting, target),
        "dequantize": _dequantize(quantisation),
    }


def _blocks(blocks: Blocks) -> Context:
    return {
        "name": blocks.name,
        "setup": {"lines": list(blocks.setup)},
        "call": blocks.call,
        "classes": {"texts": [one.text for one in blocks.written]},
        "choices": {"rows": [{"condition": one.condition, "lines": list(one.lines)} for one in blocks.choices]},
        "layer_idx": blocks.layer_idx,
    }


def _embedding(spec: EmbeddingSpec, hidden: str, prefix: str) -> Context:
    positions: Context = {}
    if spec.positions is not None and spec.num_positions is not None:
        name, offset = spec.positions
        size = spec.num_positions.code
        positions = {"name": attribute(name), "offset": str(offset) if offset else "", "size": size}
    sinusoid: Context = {}
    if spec.sinusoid is not None:
        name, offset = spec.sinusoid
        sinusoid = {"frequencies": SINUSOIDS[name][1], "offset": str(offset) if offset else ""}
    norm: Context = {}
    if spec.norm is not None:
        norm = {"name": attribute(spec.norm[0]), "call": norm_call(spec.norm[1], hidden, prefix)}
    scale = "" if spec.scale == ONE else f" * ({write(spec.scale.tree, 'self.config')})"
    return {
        "name": attribute(spec.name),
        "scale": scale,
        "positions": positions,
        "sinusoid": sinusoid,
        "norm": norm,
    }


def _final_norm(spec: DecoderSpec, hidden: str, prefix: str) -> Context:
    if spec.norm is None:
        return {}
    call = norm_call(spec.norm, hidden, prefix)
    return {"name": attribute(spec.norm_name), "call": call, "adds_residual": adds_residual(spec.norm)}


def _head(spec: DecoderSpec) -> Context:
    scale, cap = spec.logits_scale, spec.logits_soft_cap
    if cap is not None and scale != ONE:  # vLLM caps first: c tanh(s x / c) is s (c/s) tanh(x / (c/s))
        cap = Value(cap.value / scale.value, None, cap.tree / scale.tree)
    return {
        "name": attribute(spec.head_name),
        "bias": spec.head_bias,
        "scale": "" if scale == ONE else scale.code,
        "soft_cap": "" if cap is None else cap.code,
    }


def _layer(
    spec: DecoderSpec,
    hidden: str,
    prefix: str,
    mixers: Blocks,
    feed_forwards: Blocks,
    beside: tuple[Branch, bool] | None,
) -> Context:
    layers = [alike(layer, spec.layer) for layer in spec.layers]
    fullest = max(layers, key=lambda layer: len(layer.norms))
    conditions = {}
    for name, _ in fullest.norms:
        flags = [name in dict(layer.norms) for layer in layers]
        conditions[name] = PerLayer(spec.config, HINTS["feed_forward"]).condition(flags)
    others = [layer for layer in layers if not _flows_as(layer, fullest)]
    always: Expression = TRUE
    flows = [fullest, *dict.fromkeys(_flow(layer) for layer in others)]
    if len(flows) > 2 or any(layer.scalar != fullest.scalar for layer in layers):
        raise NotUnderstood("no idiom yet for layers whose values flow in different ways", others[0].source)
    contexts = [
        layer_context(one, mixers.call, feed_forwards.call, runs=spec.runs != ONE, may_fuse=not others)
        for one in (fullest, *others[:1])
    ]
    context, rows = contexts[0], [one.pop("statements") for one in contexts]
    flag, condition = "", always
    if others:
        first = [_flows_as(layer, fullest) for layer in layers]
        condition = PerLayer(spec.config, HINTS["feed_forward"]).condition(first)
        has_beside = [layer.beside is not None for layer in layers]
        flag = f"has_{attribute(fullest.beside.name)}" if fullest.beside and has_beside == first else "is_first_kind"
        rows[0] = [f"if self.{flag}:", *(f"    {line}" for line in rows[0]), *rows.pop()]
    (statements,) = rows
    return {
        **context,
        "needs_config": any(one["needs_config"] for one in contexts),
        "scalar": fullest.scalar,
        "scales": {"rows": _scales(layers, hidden)},
        "pick": {"lines": [*mixers.pick, *feed_forwards.pick]},
        "statements": {"rows": statements},
        "norms": {"rows": _layer_norms(fullest, hidden, prefix, conditions)},
        "beside": {"lines": _beside(flag, condition, None if beside is None else beside[0])},
        "layer_idx": any(map(needs_layer, (condition, *conditions.values()))) or (beside is not None and beside[1]),
    }


Flow = tuple[Any, ...]


def _flow(layer: LayerSpec) -> Flow:
    """Return how values flow through a layer."""
    return layer.norms, layer.steps, layer.output, layer.scalar, layer.scales


def _flows_as(layer: LayerSpec, fullest: LayerSpec) -> bool:
    """Return whether values flow through a layer as through another one, but for norms that it does not have."""
    plain = reduce(without, [name for name, _ in fullest.norms if name not in dict(layer.norms)], fullest)
    return _flow(layer) == _flow(plain)


def _scales(layers: Sequence[LayerSpec], hidden: str) -> list[Context]:
    """Return the scales of all layers; one that only some layers have would have no weights in the others.

    Raises:
        NotUnderstood: layers have different ones.
    """
    if len({layer.scales for layer in layers}) > 1:
        raise NotUnderstood("no idiom yet for layers of which only some have a learned scale", layers[0].source)
    return [
        {"name": flat_attribute(one.name), "size": ("1" if one.of_one else hidden) if one.has_axis else "()"}
        for one in layers[0].scales
    ]


def _beside(flag: str, condition: Expression, made: Branch | None) -> list[str]:
    """Return the statements that make a second feed-forward block, and note which layers' values flow otherwise."""
    lines = [f"self.{flag} = {write(condition)}"] if flag else []
    if made is None:
        return lines
    if not made.condition:
        return [*lines, *made.lines]
    is_noted = flag and write(condition) == made.condition
    asked = f"self.{flag}" if is_noted else made.condition
    return [*lines, f"if {asked}:", *(f"    {line}" for line in made.lines)]


def _layer_norms(layer: LayerSpec, hidden: str, prefix: str, conditions: Mapping[str, Expression]) -> list[Context]:
    """Return the norms of a layer; one that only some layers have is the identity in the others."""
    found = []
    for name, norm in layer.norms:
        call = norm_call(norm, hidden, prefix)
        if conditions[name] != TRUE:
            call = f"{call} if {write(conditions[name])} else nn.Identity()"
        found.append({"name": attribute(name), "call": call})
    return found


def _dequantize(quantisation: Quantisation | None) -> Context:
    if quantisation is None:
        return {}
    if quantisation.block is None:
        raise NotUnderstood("no idiom yet for fp8 weights with one scale per tensor")
    return {"scale_ending": quantisation.scale_ending}


def _key(value: Value) -> str:
    if value.key is None:
        raise NotUnderstood("a size of the model that has no config key")
    return value.key
