"""q, k and v on their way from a projection to the attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from scaffold.carried.axes import Axis
from scaffold.carried.tensors import shape_op
from scaffold.probing.heads import Tracer
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS
from scaffold.probing.projections import Selection, input_of
from scaffold.probing.rotations import Turn
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array, Tensor


@dataclass
class Part:
    """q, k or v: what the attention took, its axis in the adapter, and the columns that it begins as.

    Attributes:
        others: the columns of other parts, which it does not begin as, if there are others.
    """

    name: str
    target: Tensor
    count: int
    axis: Axis
    selection: Selection | None = None
    renamed: dict[str, str] = field(default_factory=dict)
    others: tuple[Selection, ...] = ()

    def may_be(self, selection: Selection) -> bool:
        """Return whether it begins as these columns: as one thing, and as none that another part is already."""
        if self.selection is not None:
            return alike(selection, self.selection)
        return not any(alike(selection, other) for other in self.others)


def of_input(tracer: Tracer, event: Event) -> list[Event]:
    """Return the calls of linear layers on what the block is given."""
    given = event.tensors()[0].a
    return [
        one
        for one in tracer.linears
        if given.size == input_of(one).size and same(input_of(one), given.reshape(NUM_TOKENS, -1))
    ]


class Inputs(Mapping[str, "tuple[Tensor, tuple[Axis, ...]]"]):
    """The one tensor that a stretch begins with, once it was seen."""

    def __init__(self, name: str, values: Mapping[str, Tensor], axes: tuple[Axis, ...]) -> None:
        self._name, self._values, self._axes = name, values, axes

    def __getitem__(self, key: str) -> tuple[Tensor, tuple[Axis, ...]]:
        return self._values[key], self._axes

    def __iter__(self) -> Iterator[str]:
        return iter((self._name,) if self._name in self._values else ())

    def __len__(self) -> int:
        return len(self._values)


def alike(one: Selection, other: Selection) -> bool:
    """Return whether two are the same columns of one layer."""
    return one.linear.module is other.linear.module and np.array_equal(one.columns, other.columns)


def flat_heads(heads: Array) -> Array:
    """Return ``[tokens, heads * entries]`` of ``[heads, tokens, entries]``."""
    return np.swapaxes(heads, 0, 1).reshape(NUM_TOKENS, -1)


def same_view(tensor: Tensor, begin: Tensor) -> bool:
    """Return whether one tensor is only a view of what another one is a view of."""
    inner = shape_op(begin)
    while inner is not None:
        if inner is tensor:
            return True
        inner = shape_op(inner)
    return False


def rotated_pair(turn: Turn, chain: list[tuple[Tensor, Array]], count: int) -> tuple[Tensor, Tensor] | None:
    """Return what a rotation was given and what it gave, of what a part was computed from."""
    for at, (tensor, values) in enumerate(chain):
        heads = np.swapaxes(values.reshape(NUM_TOKENS, count, -1), 0, 1)
        before = flat_heads(turn.undo(heads))
        if same(before, values):
            continue
        for earlier, given in reversed(chain[at + 1 :]):  # where it is the first time
            if same(given, before):
                return earlier, tensor
    return None
