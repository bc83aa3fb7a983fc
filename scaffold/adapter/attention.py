"""The attention block's part of the template's context."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from scaffold.adapter.idioms import norm_call
from scaffold.adapter.per_layer import HINTS, PerLayer, unless_always
from scaffold.adapter.written import expressions, written
from scaffold.expressions.python import write
from scaffold.expressions.tree import NONE, Expression, updated
from scaffold.expressions.uses import needs_layer
from scaffold.probing.position_scales import POSITION_SCALES
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.facts import AttentionSpec, DecoderSpec, LatentAttentionSpec, QkNormSpec, RopeSpec, Value
from scaffold.weights.targets import QKV, attribute

Context = dict[str, Any]
NAMES = {"head_dim": "self.head_dim", "num_heads": "self.total_num_heads", "hidden_size": "config.hidden_size"}
"""What a class of grouped-query attention calls its numbers."""
LATENT_NAMES = {"head_dim": "self.qk_rope_head_dim", "qk_head_dim": "self.qk_head_dim"}
"""What one of latent attention calls them: only a part of each head turns."""


def attention_context(spec: DecoderSpec, prefix: str, cached_latents: bool) -> Context:
    """Return the context of the attention template.

    Args:
        spec: the decoder.
        prefix: what the adapter's classes begin with.
        cached_latents: the target keeps latents in the cache for this model type.

    Raises:
        NotUnderstood: layers differ in a way that there is no idiom for.
    """
    found = [layer.attention for layer in spec.layers]
    latent = [a for a in found if isinstance(a, LatentAttentionSpec)]
    if len(latent) == len(found):
        return _latent(latent, prefix, cached_latents)
    grouped = [a for a in found if isinstance(a, AttentionSpec)]
    if len(grouped) != len(found):
        raise NotUnderstood("no idiom yet for layers with different kinds of attention", found[0].source)
    return _grouped(spec, grouped, prefix)


def _one(values: Sequence[Any], what: str, source: str) -> Any:
    if any(value != values[0] for value in values):
        raise NotUnderstood(f"no idiom yet for layers that differ in {what}", source)
    return values[0]


def _grouped(spec: DecoderSpec, layers: list[AttentionSpec], prefix: str) -> Context:
    first = layers[0]
    per_layer = PerLayer(spec.config, HINTS["attention"])

    def same(what: str, get: Callable[[AttentionSpec], Any]) -> Any:
        return _one([get(layer) for layer in layers], what, first.source)

    def tree(get: Callable[[AttentionSpec], Value | None]) -> Expression:
        values = [get(layer) for layer in layers]
        return per_layer.value([NONE if value is None else value.tree for value in values])

    projection = same("their projections", lambda a: a.projection)
    name = same("the attention's name", lambda a: a.name)
    slopes = same("their position bias", lambda a: a.slopes)
    v_differs = any(layer.v_head_dim != layer.head_dim for layer in layers)
    window, cap = tree(lambda a: a.window), tree(lambda a: a.soft_cap)
    output_norm, gate = same("a norm of the output", lambda a: a.output_norm), same("a gate", lambda a: a.gate)
    width = "self.total_num_heads * self.v_head_dim" if v_differs else "self.total_num_heads * self.head_dim"
    context: Context = {
        "latent": False,
        "name": attribute(name),
        "num_heads": tree(lambda a: a.num_heads),
        "num_kv_heads": tree(lambda a: a.num_kv_heads),
        "head_dim": tree(lambda a: a.head_dim),
        "v_head_dim": tree(lambda a: a.v_head_dim) if v_differs else "",
        "scale": tree(lambda a: a.scale),
        "qkv_name": attribute(projection.names[0]) if projection.packed else QKV,
        "qkv_bias": tree(lambda a: a.qkv_bias),
        "o_name": attribute(same("their output", lambda a: a.o_name)),
        "o_bias": tree(lambda a: a.o_bias),
        "output_width": width,
        "rope": _rope(per_layer, [layer.rope for layer in layers]),
        "qk_norm": _qk_norm(_one(_qk_norms(layers), "norms of q and k", first.source), prefix),
        "window": "" if window == NONE else window,
        "soft_cap": "" if cap == NONE else cap,
        "sinks": _sinks(per_layer, layers),
        "alibi": {} if slopes is None else {"module": slopes.form, "scaled": slopes.scaled},
        "position_scale": _position_scale(per_layer, layers),
        "output_norm": {},
        "gate": {},
        "value_scale": "",
        "clip": "",
    }
    if output_norm is not None:
        call = norm_call(output_norm[1], width, prefix)
        context["output_norm"] = {"name": attribute(output_norm[0]), "call": call}
    if gate is not None:
        context["gate"] = {"name": attribute(gate.name), "per_head": gate.per_head, "bias": gate.bias.tree}
    value_scale = same("a factor on v", lambda a: a.value_scale)
    if value_scale is not None:
        context["value_scale"] = write(value_scale.tree, "self.config")
    clip = same("a limit on q, k and v", lambda a: a.clip)
    if clip is not None:
        context["clip"] = write(clip.tree, "self.config")
    return {**written(context, NAMES), "layer_idx": any(map(needs_layer, expressions(context)))}


def _rope(per_layer: PerLayer, ropes: list[RopeSpec | None]) -> Context:
    turned = [rope for rope in ropes if rope is not None]
    if not turned:
        return {}
    style = _one([rope.style for rope in turned], "the style of their rotation", turned[0].source)
    known = dict(zip((i for i, r in enumerate(ropes) if r is not None), turned))
    fill = turned[0]
    parameters = per_layer.value([_rope_parameters(known.get(i, fill)) for i in range(len(ropes))])
    condition = per_layer.condition([rope is not None for rope in ropes])
    return {"is_neox_style": style == "neox", "parameters": parameters, "condition": unless_always(condition)}


def _rope_parameters(rope: RopeSpec) -> Expression:
    if rope.fraction is None:
        return rope.parameters
    return updated(rope.parameters, "partial_rotary_factor", rope.fraction)


def _qk_norms(layers: list[AttentionSpec]) -> list[QkNormSpec | None]:
    """Return the norms of q and k; in layers that do not turn, they are before the rotation as much as behind it."""
    order = next((a.qk_norm.before_rope for a in layers if a.rope and a.qk_norm), True)
    return [replace(a.qk_norm, before_rope=order) if a.qk_norm and not a.rope else a.qk_norm for a in layers]


def _qk_norm(norm: Any, prefix: str) -> Context:
    if norm is None:
        return {}
    q_size = "self.head_dim" if norm.per_head else "self.total_num_heads * self.head_dim"
    k_size = "self.head_dim" if norm.per_head else "self.total_num_kv_heads * self.head_dim"
    return {
        "q_name": attribute(norm.q_name),
        "k_name": attribute(norm.k_name),
        "q_call": norm_call(norm.norm, q_size, prefix),
        "k_call": norm_call(norm.norm, k_size, prefix),
        "per_head": norm.per_head,
        "before_rope": norm.before_rope,
    }


def _sinks(per_layer: PerLayer, layers: list[AttentionSpec]) -> Context:
    names = {layer.sinks for layer in layers if layer.sinks}
    if not names:
        return {}
    if len(names) > 1:
        raise NotUnderstood("no idiom yet for sinks of different names", layers[0].source)
    condition = per_layer.condition([bool(layer.sinks) for layer in layers])
    return {"name": names.pop(), "condition": unless_always(condition)}


def _position_scale(per_layer: PerLayer, layers: list[AttentionSpec]) -> Context:
    found = {layer.position_scale for layer in layers if layer.position_scale}
    if not found:
        return {}
    if len(found) > 1:
        raise NotUnderstood("no idiom yet for different factors of the position", layers[0].source)
    name, values = found.pop()
    form = next(form for form in POSITION_SCALES if form.name == name)
    condition = per_layer.condition([layer.position_scale is not None for layer in layers])
    code = form.code.format(*(write(v.tree, "self.config") for v in values))
    return {"code": code, "condition": unless_always(condition)}


def _latent(layers: list[LatentAttentionSpec], prefix: str, cached: bool) -> Context:
    spec: LatentAttentionSpec = _one(layers, "their attention", layers[0].source)
    if cached and (spec.q_scale.value != 1 or spec.kv_scale.value != 1):
        raise NotUnderstood("no idiom yet for scaled latents in vLLM's MLA layer", spec.source)
    rope = _rope(PerLayer({}, ()), [spec.rope])
    q_norm: Context = {}
    if spec.q_norm is not None and spec.q_lora_rank is not None:
        q_norm = {
            "name": attribute(spec.q_norm[0]),
            "call": norm_call(spec.q_norm[1], spec.q_lora_rank.code, prefix),
            "rank": spec.q_lora_rank.code,
        }
    context = {
        "latent": True,
        "cached": cached,
        "layer_idx": False,
        "name": attribute(spec.name),
        "num_heads": spec.num_heads.code,
        "qk_nope_head_dim": spec.qk_nope_head_dim.code,
        "qk_rope_head_dim": spec.qk_rope_head_dim.code,
        "v_head_dim": spec.v_head_dim.code,
        "kv_lora_rank": spec.kv_lora_rank.code,
        "scale": spec.scale.tree,
        "q_names": {"first": attribute(spec.q_names[0]), "last": attribute(spec.q_names[-1])},
        "q_norm": q_norm,
        "kv_a_name": attribute(spec.kv_a_name),
        "kv_norm": {
            "name": attribute(spec.kv_norm[0]),
            "call": norm_call(spec.kv_norm[1], "self.kv_lora_rank", prefix),
        },
        "kv_b_name": attribute(spec.kv_b_name),
        "o_name": attribute(spec.o_name),
        "q_scale": "" if spec.q_scale.value == 1 else spec.q_scale.code,
        "kv_scale": "" if spec.kv_scale.value == 1 else spec.kv_scale.code,
        "bias": spec.bias.code,
        "o_bias": spec.o_bias.code,
        "rope": rope,
    }
    return written(context, LATENT_NAMES)
