"""The adapter's part of the cookiecutter context: plain words and expressions, made from the spec alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from scaffold.adapter import idioms
from scaffold.source.errors import NotUnderstood
from scaffold.spec.facts import (
    AttentionSpec,
    DecoderSpec,
    ExpertsSpec,
    LayerSpec,
    MlpSpec,
    NormSpec,
    Value,
)
from scaffold.weights.emit import packed_modules, stacked_rows
from scaffold.weights.quantisation import Quantisation
from scaffold.weights.rules import WeightMap

LICENCE_HEADER = (
    "# SPDX-License-Identifier: Apache-2.0\n# SPDX-FileCopyrightText: Copyright contributors to the vLLM project"
)
"""Used where the target tree's own header cannot be read (vLLM: tools/pre_commit/check_spdx_header.py)."""

Context = dict[str, Any]


def class_prefix(architecture: str) -> str:
    """Return the stem that an adapter's classes share: ``HeliumForCausalLM`` → ``Helium``."""
    return re.sub(r"(For[A-Z]\w*|LMHeadModel|Model)$", "", architecture) or architecture


def module_name(model_type: str) -> str:
    """Return the adapter's module name: the model type as a Python name."""
    name = re.sub(r"\W", "_", model_type).strip("_").lower()
    return name if not name[:1].isdigit() else f"model_{name}"


def adapter_context(
    architecture: str,
    config_class: str,
    spec: DecoderSpec,
    weight_map: WeightMap,
    names: Iterable[str],
    licence_header: str = LICENCE_HEADER,
    quantisation: Quantisation | None = None,
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

    Raises:
        NotUnderstood: a form that there is no idiom for yet.
    """
    feed_forward = spec.layer.feed_forward
    experts = feed_forward if isinstance(feed_forward, ExpertsSpec) else None
    mlp = experts.shared if experts else feed_forward
    return {
        "licence_header": licence_header,
        "title": class_prefix(architecture),
        "class_name": architecture,
        "prefix": class_prefix(architecture),
        "config_class": config_class,
        "base_name": spec.base_name,
        "embed_name": spec.embed_name,
        "layers_name": spec.layers_name,
        "norm_name": spec.norm_name,
        "head_name": spec.head_name,
        "norm_class": _norm_class(spec.norm, spec.layer),
        "eps": spec.norm.eps.code,
        "hidden_size_key": _key(spec.hidden_size),
        "vocab_size_key": _key(spec.vocab_size),
        "num_layers_key": _key(spec.num_layers),
        "tied_key": spec.tied.key or "",
        "attention": _attention(spec.layer.attention),
        "layer": _layer(spec.layer),
        "mlp": _mlp(mlp) if isinstance(mlp, MlpSpec) else {},
        "experts": _experts(experts) if experts else {},
        "stacked": {"rows": [_row(row) for row in stacked_rows(weight_map.rules, names)]},
        "packed_modules": packed_modules(weight_map.rules),
        "dequantize": _dequantize(quantisation),
    }


def _dequantize(quantisation: Quantisation | None) -> Context:
    if quantisation is None:
        return {}
    if quantisation.block is None:
        raise NotUnderstood("no idiom yet for fp8 weights with one scale per tensor")
    return {"scale_ending": quantisation.scale_ending}


def _row(row: Any) -> Context:
    shard = f'"{row.shard_id}"' if isinstance(row.shard_id, str) else str(row.shard_id)
    return {"weight_name": row.weight_name, "param_name": row.param_name, "shard_id": shard}


def _key(value: Value) -> str:
    if value.key is None:
        raise NotUnderstood("a size of the model that has no config key")
    return value.key


def _norm_class(norm: NormSpec, layer: LayerSpec | None = None) -> str:
    if layer is not None and any(n != norm for _, n in layer.norms):
        raise NotUnderstood("norms of the layers that differ from the last one", norm.source)
    if norm.form not in idioms.NORMS:
        raise NotUnderstood(f"no idiom yet for the norm form {norm.form!r}", norm.source)
    return idioms.NORMS[norm.form]


def _attention(spec: AttentionSpec) -> Context:
    rope: Context = {}
    if spec.rope is not None:
        parameters = "config.rope_parameters"
        if spec.rope.fraction != 1:
            parameters = f'{{**{parameters}, "partial_rotary_factor": {spec.rope.fraction}}}'
        rope = {"is_neox_style": spec.rope.style == "neox", "parameters": parameters}
    qk_norm: Context = {}
    if spec.qk_norm is not None:
        norm = spec.qk_norm
        if not norm.per_head:
            raise NotUnderstood("no idiom yet for a norm over all heads of q and k", norm.norm.source)
        qk_norm = {
            "q_name": norm.q_name,
            "k_name": norm.k_name,
            "norm_class": _norm_class(norm.norm),
            "eps": norm.norm.eps.code,
        }
    return {
        "num_heads": spec.num_heads.code,
        "num_kv_heads": spec.num_kv_heads.code,
        "head_dim": _head_dim(spec),
        "qkv_bias": spec.qkv_bias.code,
        "o_bias": spec.o_bias.code,
        "o_name": spec.o_name,
        "rope": rope,
        "qk_norm": qk_norm,
        "sliding_window": spec.sliding_window.code if spec.sliding_window else "",
    }


def _head_dim(spec: AttentionSpec) -> str:
    if spec.head_dim.key:
        return spec.head_dim.code
    return "config.hidden_size // self.total_num_heads"


def _layer(spec: LayerSpec) -> Context:
    if spec.placement not in idioms.PLACEMENTS:
        raise NotUnderstood("no idiom yet for this placement of norms and residuals", spec.source)
    (input_norm, norm), (post_attention_norm, _) = spec.norms
    return {
        "attention_name": spec.attention.name,
        "feed_forward_name": spec.feed_forward.name,
        "input_norm": input_norm,
        "post_attention_norm": post_attention_norm,
        "eps": norm.eps.code,
    }


def _mlp(spec: MlpSpec) -> Context:
    if spec.activation.value not in idioms.GATED_ACTIVATIONS:
        raise NotUnderstood(f"no idiom yet for the activation {spec.activation.value!r}", spec.source)
    activation_class, call = idioms.GATED_ACTIVATIONS[spec.activation.value]
    return {
        "fused_name": "gate_up_proj",
        "down_name": spec.down_name,
        "activation_class": activation_class,
        "activation_call": call,
        "intermediate_size": spec.intermediate_size.code,
        "bias": spec.bias.code if spec.bias.key or spec.bias.value else "",
    }


def _experts(spec: ExpertsSpec) -> Context:
    if spec.activation.value not in idioms.EXPERT_ACTIVATIONS:
        raise NotUnderstood(f"no idiom yet for experts with {spec.activation.value!r}", spec.source)
    if spec.shared is not None and spec.shared.bias.value:
        raise NotUnderstood("no idiom yet for shared experts with a bias", spec.shared.source)
    router = spec.router
    scaled = router.scaling.key is not None or router.scaling.value != 1
    return {
        "name": spec.experts_name,
        "num_experts": spec.num_experts.code,
        "intermediate_size": spec.intermediate_size.code,
        "activation": idioms.EXPERT_ACTIVATIONS[spec.activation.value],
        "shared_name": spec.shared.name if spec.shared else "",
        "shared_intermediate_size": spec.shared.intermediate_size.code if spec.shared else "",
        "router": {
            "name": router.name,
            "scoring": router.scoring,
            "correction_bias": router.correction_bias or "",
            "grouped": router.num_groups is not None,
            "num_groups": router.num_groups.code if router.num_groups else "",
            "topk_group": router.topk_group.code if router.topk_group else "",
            "top_k": router.top_k.code,
            "renormalize": router.renormalize.code,
            "scaling": router.scaling.code if scaled else "",
        },
    }
