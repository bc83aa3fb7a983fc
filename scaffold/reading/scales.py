"""Learned scales on what a layer adds up, such as ``x + gamma * f(x)``: one number, or one for each entry.

A scale may lie in the layer, in a module of its own, or at the end of the block whose result it multiplies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from scaffold.probing.norms import looks_like_norm
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS
from scaffold.source.torch.events import Event
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.layers import ScaleSpec


@dataclass(frozen=True)
class Scaled:
    """A multiplication by a learned scale, with what it took and gave ``[tokens, hidden]``."""

    spec: ScaleSpec
    taken: Array
    given: Array


def of_operation(layer: Event, operation: Operation) -> Scaled | None:
    """Return what a multiplication is if one of its factors is a vector, or a number, that the layer saves."""
    if operation.name.rstrip("_") not in ("mul", "multiply") or not isinstance(operation.output, Tensor):
        return None
    factors = [one for one in operation.args if isinstance(one, Tensor)]
    scales = [one for one in factors if one.role == "parameter" and one.ndim == 1]
    if len(factors) != 2 or len(scales) != 1:
        return None
    (scale,) = scales
    (x,) = (one for one in factors if one is not scale)
    hidden = layer.tensors()[0].shape[-1]
    if x.shape != operation.output.shape or x.shape[-1] != hidden or x.a.size != NUM_TOKENS * hidden:
        return None
    if scale.shape not in ((1,), (hidden,)) or layer.module is None:
        return None
    path = next((name for name, one in layer.module.saved_tensors() if one is scale), None)
    if path is None:
        return None
    return Scaled(ScaleSpec(path, of_one=scale.shape == (1,)), _flat(x), _flat(operation.output))


def is_scale(layer: Event, event: Event) -> Scaled | None:
    """Return what a module is that does nothing but multiply by a scale."""
    if event.module is None or event.inside or looks_like_norm(event) or not isinstance(event.output, Tensor):
        return None
    if not event.tensors() or len(list(event.module.saved_tensors())) != 1:
        return None
    found = at_end(layer, event)
    return found if found is not None and same(found.taken, _flat(event.tensors()[0])) else None


def at_end(layer: Event, event: Event) -> Scaled | None:
    """Return the scale with which a block ends: it is the layer's in all but its place."""
    norms = {id(one) for part in event.walk() if looks_like_norm(part) for one in part.operations}
    output = _flat(event.result())
    for operation in reversed(list(event.all_operations())):
        found = None if id(operation) in norms else of_operation(layer, operation)
        if found is not None and same(found.given, output):
            return found
    return None


def in_between(layer: Event, operations: Collection[Operation]) -> Iterator[Scaled]:
    """Yield the scales of multiplications in the layer itself, but for one number that multiplies all that it gives."""
    output = _flat(layer.result())
    for operation in operations:
        found = of_operation(layer, operation)
        if found is not None and not (found.spec.of_one and same(found.given, output)):
            yield found


def _flat(tensor: Tensor) -> Array:
    return tensor.a.reshape(NUM_TOKENS, -1)
