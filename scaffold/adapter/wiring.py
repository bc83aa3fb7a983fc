"""From the solved flow of values through a layer to the statements of its ``forward``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from scaffold.expressions.python import write
from scaffold.expressions.tree import Name, times
from scaffold.expressions.uses import keys
from scaffold.idioms.norms import adds_residual
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.layers import LAYER_INPUT, LayerSpec, Step, Sum
from scaffold.spec.values import ONE, Value
from scaffold.weights.targets import attribute, flat_attribute

UNCHANGED: Sum = ((LAYER_INPUT, ONE),)
"""The layer's input as it is."""
VARIABLES = {
    "norm": "normed",
    "mixer": "attn_output",
    "feed_forward": "mlp_output",
    "beside": "dense_output",
    "scale": "scaled",
}
"""What a layer's ``forward`` calls what a child gives."""


@dataclass(frozen=True)
class _Names:
    """What the values of a layer are called in its ``forward``."""

    known: dict[str, str]

    def sum(self, flows: Sum) -> str:
        return " + ".join(self._term(name, factor) for name, factor in flows)

    def _term(self, name: str, factor: Value) -> str:
        product = Name(name) if factor == ONE else times(Name(name), factor.tree)
        return write(product, "self.config", self.known)


def layer_context(
    spec: LayerSpec, mixer: str, feed_forward: str, runs: bool = False, may_fuse: bool = True
) -> dict[str, Any]:
    """Return the statements of a layer's ``forward``, and whether its norms add the residual.

    Args:
        spec: the layer.
        mixer: what is called for its mixer, such as ``self.self_attn``.
        feed_forward: what is called for its feed-forward block.
        runs: whether layers run more than once, and a mixer is told which run it is.
        may_fuse: whether its norms may add the residual.
    """
    kinds = _kinds(spec)
    if may_fuse and not runs and _is_fused(spec, kinds):
        (input_norm, _), (post_attention_norm, _) = spec.norms
        names = {"input_norm": attribute(input_norm), "post_attention_norm": attribute(post_attention_norm)}
        return {"fused": True, **names, "statements": [], "needs_config": False}
    calls = {spec.mixer.name: mixer, spec.feed_forward.name: feed_forward}
    return {
        "fused": False,
        "input_norm": "",
        "post_attention_norm": "",
        **_statements(spec, kinds, calls, "positions, run" if runs else "positions"),
    }


def alike(spec: LayerSpec, other: LayerSpec) -> LayerSpec:
    """Return the flow through a layer with the blocks of another layer at the place of its own."""
    names = {spec.mixer.name: other.mixer.name, spec.feed_forward.name: other.feed_forward.name}
    if spec.beside is not None and spec.beside.name in names.values():
        raise NotUnderstood("no idiom yet for blocks of one name that are different in other layers", spec.source)

    def renamed(flows: Sum) -> Sum:
        return tuple((names.get(name, name), factor) for name, factor in flows)

    steps = tuple(Step(names.get(step.name, step.name), renamed(step.inputs)) for step in spec.steps)
    output = renamed(spec.output)
    return replace(spec, mixer=other.mixer, feed_forward=other.feed_forward, steps=steps, output=output)


def without(spec: LayerSpec, name: str) -> LayerSpec:
    """Return a layer without one of its norms: what went into it goes on as it is."""
    inputs = next(step.inputs for step in spec.steps if step.name == name)
    if len(inputs) != 1 or inputs[0][1] != ONE:
        return spec
    source = inputs[0][0]

    def renamed(flows: Sum) -> Sum:
        return tuple((source if n == name else n, factor) for n, factor in flows)

    steps = tuple(replace(step, inputs=renamed(step.inputs)) for step in spec.steps if step.name != name)
    norms = tuple((n, norm) for n, norm in spec.norms if n != name)
    return replace(spec, norms=norms, steps=steps, output=renamed(spec.output))


def _kinds(spec: LayerSpec) -> dict[str, str]:
    kinds = {name: "norm" for name, _ in spec.norms}
    kinds |= {spec.mixer.name: "mixer", spec.feed_forward.name: "feed_forward"}
    kinds |= {scale.name: "scale" for scale in spec.scales}
    kinds |= {mixer.name: "mixer" for mixer in spec.more_mixers}
    return kinds | {block.name: "beside" for block in spec.feed_forwards[1:]}


def _is_fused(spec: LayerSpec, kinds: dict[str, str]) -> bool:
    """Return whether it is norm, attention, norm, feed-forward, each with its residual, and norms that add it."""
    if len(spec.steps) != 4 or spec.scalar or any(not adds_residual(norm) for _, norm in spec.norms):
        return False
    first, attention, second, feed_forward = spec.steps
    if [kinds[step.name] for step in spec.steps] != ["norm", "mixer", "norm", "feed_forward"]:
        return False
    x = "x"
    wanted = [{x}, {first.name}, {x, attention.name}, {second.name}]
    sums = [*((step.inputs, names) for step, names in zip(spec.steps, wanted))]
    sums.append((spec.output, {x, attention.name, feed_forward.name}))
    return all({n for n, _ in flows} == names and all(f == ONE for _, f in flows) for flows, names in sums)


def _statements(spec: LayerSpec, kinds: dict[str, str], calls: dict[str, str], told: str) -> dict[str, Any]:
    """Write one statement per step; a sum that is used again gets the name ``hidden_states``."""
    names = _Names({"x": "residual" if _uses(spec, "x") > 1 else "hidden_states"})
    lines = ["residual = hidden_states"] if names.known["x"] == "residual" else []
    later = _flows(spec)
    taken: dict[str, int] = {}
    for index, step in enumerate(spec.steps):
        flows = later[index]
        if len(flows) > 1 and _contained(flows, later[index + 1 :]):
            total, text = f"sum {index}", names.sum(flows)
            later = [_replaced(f, flows, total) for f in later]
            names.known[total] = _free_name(names, later[index:])
            lines.append(f"{names.known[total]} = {text}")
        kind = kinds[step.name]
        variable = _variable(kind, step.name, spec, taken, index)
        arguments = "hidden_states" if index == 0 and later[0] == UNCHANGED else names.sum(later[index])
        if kind == "scale":
            factor = f"({arguments})" if " " in arguments else arguments
            lines.append(f"{variable} = {factor} * self.{flat_attribute(step.name)}")
        else:
            called = calls.get(step.name, f"self.{attribute(step.name)}")
            call = f"{called}({told}, {arguments})" if kind == "mixer" else f"{called}({arguments})"
            lines.append(f"{variable} = {call}")
        names.known[step.name] = variable
    output = names.sum(later[-1])
    lines.append(f"return ({output}) * self.{spec.scalar}" if spec.scalar else f"return {output}")
    return {
        "statements": lines,
        "needs_config": any(keys(factor.tree) for flows in _flows(spec) for _, factor in flows),
    }


def _free_name(names: _Names, later: list[Sum]) -> str:
    """Return a name for a sum that no value which is still needed has."""
    needed = {names.known[name] for flows in later for name, _ in flows if name in names.known}
    return next(name for name in ("residual", "middle_residual", "last_residual") if name not in needed)


def _variable(kind: str, name: str, spec: LayerSpec, taken: dict[str, int], index: int) -> str:
    """Name a step's result: what is used by the next step only is ``hidden_states``."""
    following = [step.inputs for step in spec.steps[index + 1 :]] + [spec.output]
    users = [i for i, flows in enumerate(following) if any(n == name for n, _ in flows)]
    if users == [0] and not _is_live(spec, index):
        return "hidden_states"
    base = VARIABLES[kind]
    taken[base] = taken.get(base, 0) + 1
    return base if taken[base] == 1 else f"{base}_{taken[base]}"


def _is_live(spec: LayerSpec, index: int) -> bool:
    """Return whether ``hidden_states`` still holds something that a later step uses."""
    return False if _uses(spec, "x") > 1 else any(n == "x" for s in spec.steps[index + 1 :] for n, _ in s.inputs)


def _uses(spec: LayerSpec, name: str) -> int:
    return sum(any(n == name for n, _ in flows) for flows in _flows(spec))


def _flows(spec: LayerSpec) -> list[Sum]:
    return [*(step.inputs for step in spec.steps), spec.output]


def _contained(part: Sum, sums: list[Sum]) -> bool:
    return any(set(part) <= set(flows) for flows in sums)


def _replaced(flows: Sum, part: Sum, name: str) -> Sum:
    if not set(part) <= set(flows):
        return flows
    return ((name, ONE), *(flow for flow in flows if flow not in part))
