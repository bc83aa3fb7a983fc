"""What happens to a tensor between disk and parameter. Every transform can be undone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Transpose:
    """Swaps the last two axes: ``[in, out]`` as GPT-2's Conv1D keeps it, or experts as GPT-OSS does."""

    def shape(self, shape: Shape) -> Shape:
        """Return the shape afterwards."""
        return (*shape[:-2], shape[-1], shape[-2])

    def apply(self, array: Array) -> Array:
        """Return the tensor as the parameter wants it."""
        return np.swapaxes(array, -1, -2)

    def undo(self, array: Array) -> Array:
        """Return the tensor as it lies on disk."""
        return np.swapaxes(array, -1, -2)

    def __str__(self) -> str:
        return "transpose"


@dataclass(frozen=True)
class Ungroup:
    """Sorts what lies group by group on disk into its parts, one after the other.

    ``[groups, sum(counts), unit]`` along the axis becomes all of the first part, all of the second, and so on. Per-head
    interleaved q, k, v (GPT-NeoX, Bloom) has as many groups as heads and counts (1, 1, 1); Falcon's has a group
    per KV head and counts (heads per KV head, 1, 1); alternating gate and up (GPT-OSS) has counts (1, 1).
    """

    groups: int
    counts: tuple[int, ...]
    axis: int = 0

    def shape(self, shape: Shape) -> Shape:
        """Return the shape afterwards: the same."""
        return shape

    def _order(self, size: int) -> NDArray[np.int64]:
        per_group = sum(self.counts)
        unit, rest = divmod(size, self.groups * per_group)
        if rest:
            raise ValueError(f"{size} entries are no {self.groups} groups of {per_group}")
        index = np.arange(size).reshape(self.groups, per_group, unit)
        bounds = np.cumsum((0, *self.counts))
        return np.concatenate([index[:, b:e].reshape(-1) for b, e in pairwise(bounds)])

    def apply(self, array: Array) -> Array:
        """Return the tensor as the parameter wants it."""
        return np.take(array, self._order(array.shape[self.axis]), axis=self.axis)

    def undo(self, array: Array) -> Array:
        """Return the tensor as it lies on disk."""
        return np.take(array, np.argsort(self._order(array.shape[self.axis])), axis=self.axis)

    def __str__(self) -> str:
        return f"ungroup {self.groups} × {'+'.join(map(str, self.counts))}"


@dataclass(frozen=True)
class Offset:
    """Adds a number: the weight of a norm that multiplies by ``1 + weight``, for a layer that multiplies by weight."""

    value: float

    def shape(self, shape: Shape) -> Shape:
        """Return the shape afterwards: the same."""
        return shape

    def apply(self, array: Array) -> Array:
        """Return the tensor as the parameter wants it."""
        return np.add(array, self.value, dtype=array.dtype)

    def undo(self, array: Array) -> Array:
        """Return the tensor as it lies on disk, but for rounding."""
        return np.subtract(array, self.value, dtype=array.dtype)

    def __str__(self) -> str:
        return f"{self.value:+g}"


@dataclass(frozen=True)
class Flatten:
    """Makes a vector of a matrix with one row."""

    def shape(self, shape: Shape) -> Shape:
        """Return the shape afterwards."""
        return (math.prod(shape),)

    def apply(self, array: Array) -> Array:
        """Return the tensor as the parameter wants it."""
        return array.reshape(-1)

    def undo(self, array: Array) -> Array:
        """Return the tensor as it lies on disk."""
        return array.reshape(1, -1)

    def __str__(self) -> str:
        return "flatten"


@dataclass(frozen=True)
class Stack:
    """Cuts a matrix whose rows are those of one expert after the other: ``[experts, rows, columns]``.

    Attributes:
        experts: their number.
        old: the end of the tensor's name.
        new: what is there in its place in the names of single experts' weights while they are loaded, ``{expert}`` for
            the expert's number.
    """

    experts: int
    old: str
    new: str

    def shape(self, shape: Shape) -> Shape:
        """Return the shape afterwards."""
        return (self.experts, shape[0] // self.experts, *shape[1:])

    def apply(self, array: Array) -> Array:
        """Return the tensor as the parameter wants it."""
        return array.reshape(self.shape(array.shape))

    def undo(self, array: Array) -> Array:
        """Return the tensor as it lies on disk."""
        return array.reshape(-1, *array.shape[2:])

    def __str__(self) -> str:
        return f"one matrix for each of {self.experts} experts"


@dataclass(frozen=True)
class Twice:
    """Takes a projection two times, one after the other: its outputs are both k and v.

    Attributes:
        name: what the module of the second one is called while it is loaded.
    """

    name: str

    def shape(self, shape: Shape) -> Shape:
        """Return the shape afterwards."""
        return (2 * shape[0], *shape[1:])

    def apply(self, array: Array) -> Array:
        """Return the tensor as the parameter wants it."""
        return np.concatenate([array, array])

    def undo(self, array: Array) -> Array:
        """Return the tensor as it lies on disk."""
        return array[: len(array) // 2]

    def __str__(self) -> str:
        return f"also as {self.name}"


@dataclass(frozen=True)
class Apart:
    """Is two projections in one, which are loaded one by one: the first half of what is there is k, the second v.

    Attributes:
        names: what their modules are called while they are loaded.
    """

    names: tuple[str, str]

    def shape(self, shape: Shape) -> Shape:
        """Return the shape afterwards: the same."""
        return shape

    def apply(self, array: Array) -> Array:
        """Return the tensor as the parameter wants it."""
        return array

    def undo(self, array: Array) -> Array:
        """Return the tensor as it lies on disk."""
        return array

    def __str__(self) -> str:
        return f"as {' and '.join(self.names)}"


@dataclass(frozen=True)
class Zeros:
    """Has zeros behind it: the biases of projections that have none, beside one that has one in the same parameter.

    Attributes:
        names: what the modules of these projections are called.
        sizes: how many numbers each takes.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]

    def shape(self, shape: Shape) -> Shape:
        """Return the shape afterwards."""
        return (shape[0] + sum(self.sizes),)

    def apply(self, array: Array) -> Array:
        """Return the tensor as the parameter wants it."""
        return np.pad(array, (0, sum(self.sizes)))

    def undo(self, array: Array) -> Array:
        """Return the tensor as it lies on disk."""
        return array[: len(array) - sum(self.sizes)]

    def __str__(self) -> str:
        return f"and zeros for {' and '.join(self.names)}"


@dataclass(frozen=True)
class UnitRows:
    """Divides each row by its length, as a head does that compares directions (Baichuan 2's NormHead)."""

    def shape(self, shape: Shape) -> Shape:
        """Return the shape afterwards: the same."""
        return shape

    def apply(self, array: Array) -> Array:
        """Return the tensor as the parameter wants it; a row of zeros stays one (``torch.nn.functional.normalize``)."""
        length = np.sqrt(np.square(array.astype(np.float32)).sum(axis=-1, keepdims=True))
        result: Array = (array / np.maximum(length, 1e-12)).astype(array.dtype)
        return result

    def undo(self, array: Array) -> Array:
        """Return a tensor of which this makes ``array``: that itself, whose rows have lengths of one."""
        return array

    def __str__(self) -> str:
        return "rows of length one"


Transform = Transpose | Ungroup | Offset | Flatten | Stack | Twice | Apart | Zeros | UnitRows


@dataclass(frozen=True)
class Scale:
    """A quantised weight's scale: the weight is multiplied by it while it is loaded.

    Attributes:
        name: pattern of the scale's tensor.
        block: rows and columns that share a scale, edge blocks being smaller; None for one scale per tensor.
            ``(1, 0)`` is one per output channel: 0 stands for the whole axis.
    """

    name: str
    block: tuple[int, int] | None

    def shape(self, shape: Shape) -> Shape:
        """Return the shape of the scale of a weight; an expert axis in front stays."""
        if self.block is None:
            return ()
        return (*shape[:-2], *(-(-size // (block or size)) for size, block in zip(shape[-2:], self.block)))

    def apply(self, weight: Array, scale: Array) -> Array:
        """Return ``weight × scale`` in float32, each element by the scale of its block."""
        weight, scale = weight.astype(np.float32), scale.astype(np.float32)
        if self.block is None:
            return weight * scale.reshape(())
        for axis, block in zip((-2, -1), self.block):
            size = weight.shape[axis]
            scale = np.take(np.repeat(scale, block or size, axis=axis), np.arange(size), axis=axis)
        return weight * scale

    def __str__(self) -> str:
        if self.block is None:
            return "dequantise per tensor"
        if self.block == (1, 0):
            return "dequantise per channel"
        return "dequantise {}×{}".format(*self.block)
