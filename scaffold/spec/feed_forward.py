"""Reads a gated feed-forward block: ``down(act(gate(x)) * up(x))``."""

from __future__ import annotations

from itertools import permutations

from scaffold.source.config_values import key_of
from scaffold.source.errors import NotUnderstood
from scaffold.source.layers import ACTIVATIONS, Activation, Linear
from scaffold.source.objects import Event, Module
from scaffold.source.tensors import Tensor
from scaffold.spec.facts import MlpSpec, Value
from scaffold.spec.numeric import same
from scaffold.spec.probe import Probe
from scaffold.spec.values import bias_value, size_value


def read(probe: Probe, event: Event, name: str, size_role: str = "intermediate_size") -> MlpSpec:
    """Read the block whose call is ``event``.

    Args:
        probe: the probe.
        event: the call of the block.
        name: its attribute name.
        size_role: the role of its inner size; ``shared_experts`` for a multiple of the experts' size.

    Raises:
        NotUnderstood: it is not of this form.
    """
    x = event.tensors()[0].a
    linears = [e for e in event.inside if isinstance(e.module, Linear)]
    inner = [e for e in linears if same(e.tensors()[0].a, x)]
    activation = activation_value(probe, event.module)
    act = ACTIVATIONS[activation.value]
    for gate, up in permutations(inner, 2):
        gated = (act(Tensor(gate.result().a)) * up.result()).a
        for down in linears:
            if same(down.tensors()[0].a, gated) and same(down.result().a, event.result().a):
                width = gate.result().shape[-1]
                return MlpSpec(
                    name=name,
                    gate_name=child_name(event, gate),
                    up_name=child_name(event, up),
                    down_name=child_name(event, down),
                    activation=activation,
                    intermediate_size=_width(probe, size_role, width),
                    bias=bias_value(probe, [gate, up, down]),
                    source=definition(event),
                )
    raise NotUnderstood("a feed-forward block that is not down(act(gate(x)) * up(x))", definition(event))


def activation_value(probe: Probe, module: Module | None) -> Value:
    """Return the activation that a block holds, with its config key.

    Raises:
        NotUnderstood: it holds none or several.
    """
    found = [child for _, child in module.children() if isinstance(child, Activation)] if module else []
    if len(found) != 1:
        raise NotUnderstood(f"{len(found)} activations in {module.kind if module else 'a block'}")
    name = found[0].attributes["name"]
    key = next(
        (k for k in ("hidden_act", "hidden_activation", "activation_function") if k in probe.completed),
        key_of(name),
    )
    if key is not None and probe.completed[key] != name:
        key = None
    return Value(str(name), key)


def _width(probe: Probe, role: str, width: int) -> Value:
    if role != "shared_experts":
        return size_value(probe, role, width)
    size, count = probe.key("moe_intermediate_size"), probe.key("num_shared_experts")
    if size and count and width == probe.probe_value("moe_intermediate_size") * probe.probe_value("num_shared_experts"):
        return Value(probe.completed[size] * probe.completed[count], f"{size} * config.{count}")
    raise NotUnderstood(f"shared experts of the inner size {width}")


def child_name(block: Event, part: Event) -> str:
    """Return the attribute name under which a block holds the module that was called."""
    assert block.module is not None
    for name, child in block.module.children():
        if child is part.module:
            return name
    raise NotUnderstood(f"{part.name} is no direct part of {block.name}", part.where)


def definition(event: Event) -> str:
    """Return the lines of the class whose call this was."""
    cls = event.module.cls if event.module else None
    return cls.file.lines(cls.node) if cls else event.where
