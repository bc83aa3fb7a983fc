"""What experts may make of gate and up: activations, and those that have numbers of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import product
from typing import Any

import numpy as np

from scaffold.feed_forwards.mlp.read import activation_order, activation_value
from scaffold.probing.blocks import definition
from scaffold.probing.numbers import explain
from scaffold.probing.probe import Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch import torch_ops
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import ACTIVATIONS
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.values import Value

Gated = Callable[[Array, Array], Array]
"""From gate and up to what goes into down."""
SWIGLU_OAI = "swigluoai"
FACTORS, BOUNDS = ("mul",), ("clamp", "clip", "clamp_max")
"""Operations that have its numbers, whatever the config calls them: factors, and limits."""


def swiglu_oai(alpha: float, limit: float) -> Gated:
    """Return GPT-OSS's activation (vllm/model_executor/layers/activation.py, ``SwigluOAIAndMul``)."""

    def gated(gate: Array, up: Array) -> Array:
        gate, up = np.minimum(gate, limit), np.clip(up, -limit, limit)
        return np.asarray((up + 1) * gate * torch_ops.sigmoid(alpha * gate))

    return gated


def activations(probe: Probe, event: Event) -> Iterator[tuple[Value, tuple[float, ...], Gated]]:
    """Yield activations that experts may have, with a probe's numbers of them; those with limits first."""
    for alpha, limit in product(_scalars(event, FACTORS), _scalars(event, BOUNDS)):
        yield Value(SWIGLU_OAI), (alpha, limit), swiglu_oai(alpha, limit)
    for name in activation_order(probe):

        def gated(gate: Array, up: Array, act: Any = ACTIVATIONS[name]) -> Array:
            return np.asarray(act(Tensor(gate)).a * up)

        yield activation_value(probe, name), (), gated


def explained(probe: Probe, event: Event, numbers: tuple[float, ...]) -> tuple[Value, ...]:
    """Return the checkpoint's numbers of an activation.

    Raises:
        NotUnderstood: no config key gives one of them.
    """
    found = tuple(explain(probe, number) for number in numbers)
    for number, value in zip(numbers, found):
        if value is None:
            raise NotUnderstood(f"a number of {number:.6g} in experts that no config key gives", definition(event))
    return tuple(value for value in found if value is not None)


def _scalars(event: Event, names: Collection[str]) -> list[float]:
    """Return the positive numbers that operations of these names have beside tensors, each once, in order."""
    found = (
        float(one)
        for op in event.all_operations()
        if op.name.rstrip("_") in names
        for one in (*op.args, *op.kwargs.values())
        if isinstance(one, (int, float)) and not isinstance(one, bool) and one > 0
    )
    return list(dict.fromkeys(found))
