"""Who writes tensors and numbers, and what all operations ask of it."""

from __future__ import annotations

from typing import Any, Protocol

from scaffold.carried.axes import Axes, is_tokens, shared
from scaffold.carried.values import Val
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Tensor


class Writer(Protocol):
    """Who knows how tensors and numbers are written."""

    axes: Axes
    dtype: str
    device: str

    def value(self, tensor: Tensor) -> Val:
        """Return how a tensor is written."""

    def number(self, number: Any, operation: Operation) -> Val:
        """Return how a number is written, as a tensor without axes."""

    def is_stated(self, number: float, operation: Operation) -> bool:
        """Return whether a number stands in the source's statement as it is."""

    def says(self, operation: Operation, *words: str) -> bool:
        """Return whether the source's statement has one of these attributes."""


def named(op: Operation, at: int, name: str, otherwise: Any = None) -> Any:
    """Return an argument by its place or its name."""
    return op.args[at] if len(op.args) > at else op.kwargs.get(name, otherwise)


def operand(writer: Writer, op: Operation, given: Any) -> Val:
    """Return how an argument is written: a tensor, or a number."""
    return writer.value(given) if isinstance(given, Tensor) else writer.number(given, op)


def axis(x: Val, dim: Any) -> int:
    """Return the axis of the source that an operation goes over.

    Raises:
        NotUnderstood: tokens, what ranks share, or more than one axis.
    """
    if isinstance(dim, (tuple, list)) and len(dim) == 1:
        dim = dim[0]
    if not isinstance(dim, int):
        raise NotUnderstood("an operation over several axes, or all")
    at = int(dim) % len(x.axes)
    if is_tokens(x.axes[at]):
        raise NotUnderstood("an operation over tokens")
    if shared(x.axes[at]):
        raise NotUnderstood("an operation over heads, or an inner size, of which each rank holds a part")
    if at not in x.order:
        raise NotUnderstood("an operation over an axis of one")
    return at
