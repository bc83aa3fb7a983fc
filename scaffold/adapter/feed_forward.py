"""The feed-forward blocks' part of the template's context."""

from __future__ import annotations

from typing import Any

from scaffold.adapter.idioms import (
    EXPERT_ACTIVATIONS,
    FIXED_LIMITS,
    GATED_ACTIVATIONS,
    PLAIN_ACTIVATIONS,
    norm_call,
)
from scaffold.adapter.per_layer import HINTS, PerLayer, unless_always
from scaffold.adapter.written import expressions, written
from scaffold.expressions.tree import Expression
from scaffold.expressions.uses import keys, needs_layer
from scaffold.feed_forwards.experts.routing import SPARSE_MIXER
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.facts import ONE, DecoderSpec, ExpertsSpec, MlpSpec, Value
from scaffold.weights.targets import DOWN, EXPERTS, GATE_UP, UP, attribute

Context = dict[str, Any]


def feed_forward_context(spec: DecoderSpec, prefix: str) -> Context:
    """Return the contexts of the templates of plain and expert blocks, and which layers have which.

    Raises:
        NotUnderstood: a form that there is no idiom for yet.
    """
    per_layer = PerLayer(spec.config, HINTS["feed_forward"])
    found = [layer.feed_forward for layer in spec.layers]
    plain = [f for f in found if isinstance(f, MlpSpec)]
    experts = [f for f in found if isinstance(f, ExpertsSpec)]
    if len(set(experts)) > 1:
        raise NotUnderstood("no idiom yet for layers with different experts", experts[0].source)
    shared = [e.shared for e in experts if e.shared is not None]
    every = [*dict.fromkeys(plain), *dict.fromkeys(shared)]
    mlp = _mlp(every, prefix) | {"bias_behind_shared": any(s.down_bias.value for s in shared)} if every else {}
    name = attribute(found[0].name, "mlp")
    if any(attribute(f.name, "mlp") != name for f in found):
        raise NotUnderstood("no idiom yet for feed-forward blocks of different names", found[0].source)
    sizes = [f.intermediate_size.tree if isinstance(f, MlpSpec) else None for f in found]
    fill = next((size for size in sizes if size is not None), None)
    condition = per_layer.condition([isinstance(f, ExpertsSpec) for f in found])
    choices = {
        "intermediate_size": "" if fill is None else per_layer.value([fill if s is None else s for s in sizes]),
        "experts_condition": unless_always(condition),
    }
    return {
        "feed_forward": {
            "name": name,
            "has_mlp": bool(plain),
            **written(choices),
            "layer_idx": any(map(needs_layer, expressions(choices))),
        },
        "mlp": mlp,
        "experts": _experts(experts[0]) if experts else {},
    }


def _mlp(specs: list[MlpSpec], prefix: str) -> Context:
    """Return the context of the one class that all plain blocks and shared experts are made of."""
    shapes = {
        (s.activation_name, s.gated, s.packed, s.up_name, s.down_name, s.activation, s.inner_norm, s.transposed)
        for s in specs
    }
    if len(shapes) > 1:
        raise NotUnderstood("no idiom yet for feed-forward blocks that differ in more than their size", specs[0].source)
    spec = specs[0]
    activation = str(spec.activation.value)
    call = GATED_ACTIVATIONS.get(activation, "") if spec.gated else ""
    used: list[Expression] = []
    if spec.activation_name:
        call = f"{prefix}XIELU()"
    if not call:
        if activation not in PLAIN_ACTIVATIONS:
            raise NotUnderstood(f"no idiom yet for the activation {activation!r}", spec.source)
        call = f"get_act_fn({spec.activation.code})"
        used.append(spec.activation.tree)
    fused = activation in GATED_ACTIVATIONS if spec.gated else False
    inner = attribute(spec.up_name, GATE_UP if spec.gated else UP)
    inner_norm: Context = {}
    if spec.inner_norm is not None:
        call_norm = norm_call(spec.inner_norm[1], "intermediate_size", prefix)
        inner_norm = {"name": attribute(spec.inner_norm[0]), "call": call_norm}
        used.append(spec.inner_norm[1].eps.tree)
    bias, down_bias = _bias([s.bias for s in specs]), _bias([s.down_bias for s in specs])
    used += [bias.tree, down_bias.tree]
    return {
        "gated": spec.gated,
        "fused": fused,
        "inner_name": GATE_UP if spec.gated and not spec.packed else inner,
        "down_name": attribute(spec.down_name, DOWN),
        "activation_call": call,
        "activation_name": attribute(spec.activation_name) if spec.activation_name else "act_fn",
        "xielu": bool(spec.activation_name),
        "needs_config": any(map(keys, used)),
        "bias": bias.code,
        "down_bias": down_bias.code,
        "inner_norm": inner_norm,
    }


def _bias(values: list[Value]) -> Value:
    """Return a bias that is the same for all blocks of a class."""
    if len({value.tree for value in values}) > 1:
        raise NotUnderstood("no idiom yet for feed-forward blocks that differ in their biases")
    return values[0]


def _experts(spec: ExpertsSpec) -> Context:
    if spec.activation.value not in EXPERT_ACTIVATIONS:
        raise NotUnderstood(f"no idiom yet for experts with {spec.activation.value!r}", spec.source)
    limits = tuple(float(value.value) for value in spec.limits)
    if limits != FIXED_LIMITS.get(str(spec.activation.value), ()):
        raise NotUnderstood(f"no idiom yet for {spec.activation.value} with the numbers {limits}", spec.source)
    router = spec.router
    plain = router.scoring == SPARSE_MIXER or (router.scoring == "softmax" and not router.correction_bias)
    grouped = router.num_groups is not None or not plain  # one group is none; that kernel scores in all ways
    return {
        "name": EXPERTS,
        "num_experts": spec.num_experts.code,
        "intermediate_size": spec.intermediate_size.code,
        "activation": EXPERT_ACTIVATIONS[spec.activation.value],
        "transposed": spec.transposed and not spec.alternating,
        "bias": spec.bias,
        "checkpoint_names": "",
        "shared_name": attribute(spec.shared.name) if spec.shared else "",
        "shared_intermediate_size": spec.shared.intermediate_size.code if spec.shared else "",
        "shared_gate": attribute(spec.shared_gate) if spec.shared_gate else "",
        "router": {
            "name": attribute(router.name.split(".")[0]),
            "bias": router.bias,
            "scoring": router.scoring if router.scoring != SPARSE_MIXER else "",
            "function": "phimoe_routing_function" if router.scoring == SPARSE_MIXER else "",
            "correction_bias": "e_score_correction_bias" if router.correction_bias else "",
            "grouped": grouped,
            "num_groups": router.num_groups.code if router.num_groups else "1",
            "topk_group": router.topk_group.code if router.topk_group else "1",
            "top_k": router.top_k.code,
            "renormalize": router.renormalize.code,
            "scaling": "" if router.scaling == ONE else router.scaling.code,
        },
    }
