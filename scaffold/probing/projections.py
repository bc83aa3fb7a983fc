"""Where the heads of q, k and v come from: which columns of which linear layer, and how they lie there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import Conv1D, Linear
from scaffold.source.torch.tensors import Array, Tensor


@dataclass(frozen=True)
class Selection:
    """Heads as columns of a linear layer's output: ``columns`` is ``[heads, head_dim]``."""

    linear: Event
    columns: Array


def linears(event: Event) -> list[Event]:
    """Return the calls of linear layers on all tokens inside of a call."""
    found: dict[int, Event] = {}
    for inside in event.walk():
        if is_linear(inside):
            found.setdefault(id(inside.module), inside)
    return list(found.values())


def is_linear(event: Event) -> bool:
    """Return whether a call is that of a linear layer on all tokens: PyTorch's, or a class that computes the same."""
    if event.module is None or not isinstance(event.output, Tensor) or not event.tensors():
        return False
    out = rows(event.output.a)
    if isinstance(event.module, (Linear, Conv1D)):
        return out is not None
    weight, bias = event.module.attributes.get("weight"), event.module.attributes.get("bias")
    given = rows(event.tensors()[0].a)
    if not isinstance(weight, Tensor) or weight.ndim != 2 or given is None or out is None:
        return False
    if (out.shape[1], given.shape[1]) != weight.shape:
        return False
    return same(given @ weight.a.T + (bias.a if isinstance(bias, Tensor) else 0.0), out)


def rows(array: Array) -> Array | None:
    """Return ``[tokens, width]`` of that itself with any axes of one before the width, None for anything else.

    Tokens may stand before the batch (``[tokens, batch, width]``) or behind it.
    """
    while array.ndim > 2 and 1 in array.shape[:-1]:
        array = array.squeeze(array.shape.index(1))
    return array if array.ndim == 2 and array.shape[0] == NUM_TOKENS else None


def output_of(linear: Event) -> Array:
    """Return a linear layer's output ``[tokens, width]``."""
    found = rows(linear.result().a)
    assert found is not None
    return found


def input_of(linear: Event) -> Array:
    """Return a linear layer's input ``[tokens, width]``."""
    array = linear.tensors()[0].a
    return array.reshape(NUM_TOKENS, -1)


def select(heads: Array, layers: Sequence[Event]) -> Selection | None:
    """Return the columns of one linear layer that are ``heads`` ``[heads, tokens, head_dim]``, or None.

    The numbers of a probe are random, so a number of the first token names its column.
    """
    flat = np.swapaxes(heads, 0, 1).reshape(NUM_TOKENS, -1)
    for layer in layers:
        out = output_of(layer)
        order = np.argsort(out[0])
        at = np.clip(np.searchsorted(out[0], flat[0], sorter=order), 0, len(order) - 1)
        columns = _nearest(out[0], order, at, flat[0])
        if same(out[:, columns], flat):
            return Selection(layer, columns.reshape(heads.shape[0], heads.shape[2]))
    return None


def select_clipped(heads: Array, layers: Sequence[Event], limit: float) -> Selection | None:
    """Return the columns of one linear layer that are ``heads`` once they are clipped to ``[-limit, limit]``."""
    flat = np.swapaxes(heads, 0, 1).reshape(NUM_TOKENS, -1)
    for layer in layers:
        out = np.clip(output_of(layer), -limit, limit)
        distance = np.abs(out[:, :, None] - flat[:, None, :]).max(axis=0)
        columns = distance.argmin(axis=0)
        if same(out[:, columns], flat):
            return Selection(layer, columns.reshape(heads.shape[0], heads.shape[2]))
    return None


def _nearest(values: Array, order: Array, at: Array, wanted: Array) -> Array:
    before = order[np.maximum(at - 1, 0)]
    here = order[at]
    return np.where(np.abs(values[before] - wanted) < np.abs(values[here] - wanted), before, here)


def is_plain(selection: Selection) -> bool:
    """Return whether the heads are all columns of the layer, in order."""
    width = output_of(selection.linear).shape[1]
    return selection.columns.size == width and np.array_equal(selection.columns.ravel(), np.arange(width))


@dataclass(frozen=True)
class Packing:
    """How several parts lie in one layer: group by group, in each group ``counts`` heads of each part of ``order``."""

    groups: int
    counts: tuple[int, ...]
    order: tuple[int, ...]


def packing(parts: Sequence[Array], width: int) -> Packing | None:
    """Return how parts lie in the columns of one layer, or None if it is no regular packing of all columns.

    Args:
        parts: columns ``[heads, head_dim]`` of each part.
        width: the layer's number of columns.
    """
    heads = [len(part) for part in parts]
    size = parts[0].shape[1]
    if any(part.shape[1] != size for part in parts) or sum(part.size for part in parts) != width:
        return None
    for groups in range(1, max(heads) + 1):
        if any(count % groups for count in heads):
            continue
        counts = [count // groups for count in heads]
        for order in permutations(range(len(parts))):
            per_group = sum(counts)
            index = np.arange(width).reshape(groups, per_group, size)
            begin, fits = 0, True
            for part in order:
                block = index[:, begin : begin + counts[part]].reshape(heads[part], size)
                fits = fits and np.array_equal(block, parts[part])
                begin += counts[part]
            if fits:
                return Packing(groups, tuple(counts), order)
    return None
