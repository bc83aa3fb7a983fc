"""Tensors of the source at boundaries: as ``[tokens, all else]``, and what they are computed from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scaffold.carried.axes import Atom, Axes, Axis
from scaffold.carried.operations import CONVERTED, SHAPES, UNCHANGED
from scaffold.carried.values import ATOM, Val, viewed
from scaffold.probing.probe import NUM_TOKENS
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.operations import tensors_in
from scaffold.source.torch.tensors import Array, Tensor

TOKENS = Atom(NUM_TOKENS, is_token=True)


def flat(array: Array, tokens: int = NUM_TOKENS) -> Array | None:
    """Return ``[tokens, all else]`` of a tensor with one axis of tokens, whatever the order; None for any other."""
    places = [i for i, size in enumerate(array.shape) if size == tokens]
    if len(places) != 1:
        return None
    return np.moveaxis(array, places[0], 0).reshape(tokens, -1)


def by_tokens(array: Array, tokens: int = NUM_TOKENS) -> Array:
    """Return ``[tokens, all else]`` of a tensor.

    Raises:
        NotUnderstood: it has no axis of tokens, or two.
    """
    found = flat(array, tokens)
    if found is None:
        raise NotUnderstood("a tensor without an axis of tokens, or with two")
    return found


def shape_op(tensor: Tensor) -> Tensor | None:
    """Return what a tensor is only another view of, None if it is more."""
    op = tensor.origin
    if op is None or op.name not in SHAPES or not op.args or not isinstance(op.args[0], Tensor):
        return None
    return op.args[0] if op.args[0].a.size == tensor.a.size else None


def unchanged(tensor: Tensor) -> Tensor | None:
    """Return what a tensor is only another view of, or in another dtype; None if it is more."""
    op = tensor.origin
    if op is not None and op.name in (*CONVERTED, *UNCHANGED) and op.args and isinstance(op.args[0], Tensor):
        return op.args[0]
    return shape_op(tensor)


def ancestors(target: Tensor, stop: Callable[[Tensor], bool]) -> list[Tensor]:
    """Return a tensor and what it was computed from, as far as ``stop``, the nearest first."""
    found: dict[int, Tensor] = {}
    left = [target]
    while left:
        tensor = left.pop(0)
        if id(tensor) in found or len(found) > 400:
            continue
        found[id(tensor)] = tensor
        if tensor.origin is not None and not stop(tensor):
            left += [t for t in tensors_in((tensor.origin.args, tensor.origin.kwargs)) if isinstance(t, Tensor)]
    return list(found.values())


def placed(tensor: Tensor, flat_axis: Axis, axes: Axes) -> tuple[Axis, ...]:
    """Return the axes of a tensor that is ``[tokens, flat_axis]`` in another form."""
    rest = [size for size in tensor.shape if size != NUM_TOKENS]
    found = iter(axes.regroup([flat_axis], rest))
    return tuple((TOKENS,) if size == NUM_TOKENS else next(found) for size in tensor.shape)


def held(name: str, flat_axis: Axis, tensor: Tensor, axes: Axes) -> Val:
    """Return how a tensor is written that the adapter holds as ``name``, ``[tokens, flat_axis]``."""
    begin = Val(name, ATOM, ((TOKENS,), flat_axis), (0, 1))
    return viewed(begin, placed(tensor, flat_axis, axes), axes)
