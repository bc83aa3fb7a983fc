"""Norms that source writes as functions (``norm(x)``): each call is on record as that of a layer without weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from scaffold.source.python.objects import Function
from scaffold.source.torch.layers import Layer
from scaffold.source.torch.tensors import Array, Tensor

if TYPE_CHECKING:
    from scaffold.source.torch.protocol import Interpreter

NAMES = ("norm", "rms_norm", "rmsnorm", "layer_norm", "layernorm")
"""What such functions are called."""
LARGEST_EPSILON = 1e-2


class NormFunction(Layer):
    """The layer that a call of such a function stands for; where it is called gives it a name, as a part of a module.

    Args:
        compute: the function.
        epsilons: numbers that the call says, which may be its epsilon.
    """

    def __init__(self, compute: Callable[[Tensor], Any], epsilons: list[float]) -> None:
        super().__init__()
        self._compute = compute
        self.attributes |= {f"eps_{number}" if number else "eps": one for number, one in enumerate(epsilons)}

    @property
    def kind(self) -> str:
        """Return what it is called where a class has a name."""
        return "norm"

    def forward(self, x: Tensor) -> Any:
        return self._compute(x)


def call(interpreter: Interpreter, function: Function, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
    """Call a function that is named like a norm; one that is given no weights, and is one, is a layer's call.

    In a module without others it is a part of what that module computes, which may be a norm itself.
    """
    recorder, others = interpreter.recorder, [*args[1:], *kwargs.values()]
    module = recorder.innermost
    is_inner = module is not None and any(module.children())
    plain = bool(args) and isinstance(args[0], Tensor) and not any(isinstance(one, Tensor) for one in others)
    if module is None or not is_inner or not plain or function.receiver is not None:
        return interpreter.call_function(function, args, kwargs)
    name = recorder.name_of_call(function.name, NormFunction)
    layer = module.attributes.get(name)
    if not isinstance(layer, NormFunction):
        if layer is not None:
            return interpreter.call_function(function, args, kwargs)
        epsilons = [one for one in others if isinstance(one, float) and 0 < one < LARGEST_EPSILON]
        layer = NormFunction(lambda x: interpreter.call_function(function, [x, *args[1:]], kwargs), epsilons)
    with recorder.watch(function.name, layer, args[:1], {}, where) as event:
        event.output = interpreter.call_function(function, args, kwargs)
    if isinstance(event.output, Tensor) and not event.inside and _is_norm(args[0].a, event.output.a):
        module.attributes[name] = layer
    else:
        recorder.dissolve(event)
    return event.output


def _is_norm(x: Array, out: Array) -> bool:
    """Return whether ``out`` is ``x``, or ``x`` less its mean, over its length but for a little that is added there."""
    if x.shape != out.shape or not x.ndim or x.shape[-1] < 2 or x.dtype.kind != "f":
        return False
    for one in (x, x - x.mean(-1, keepdims=True)):
        square = (one**2).mean(-1, keepdims=True)
        with np.errstate(all="ignore"):
            added = (one**2).sum(-1, keepdims=True) / (out**2).sum(-1, keepdims=True) - square
        if np.all(np.abs(added) < LARGEST_EPSILON) and np.allclose(out * np.sqrt(square + added), one, 1e-9, 1e-12):
            return True
    return False
