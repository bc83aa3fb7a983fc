"""Tensors of the interpreter: float64 NumPy arrays with the method names of PyTorch.

Everything floating is float64 whatever dtype the source asks for: forms are told apart by what they compute, and
a rounding step would only blur that. In-place methods write through views, as they do in PyTorch.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaffold.source.errors import NotUnderstood

Array = NDArray[Any]
MAX_ELEMENTS = 50_000_000
"""Probes are small; an array above this comes from a hostile or unshrunk config."""


class Dtype:
    """A ``torch.dtype``: only its kind (floating, integer, bool) matters here."""

    def __init__(self, name: str) -> None:
        self.name = name
        if name.startswith(("float", "bfloat", "half", "double")):
            self.kind: type = np.float64
        else:
            self.kind = np.bool_ if name == "bool" else np.int64
        self.is_floating_point = self.kind is np.float64


class Tensor:
    """One tensor. ``role`` is ``parameter``, ``buffer``, ``transient`` (a buffer not saved) or empty."""

    __slots__ = ("a", "role")
    __hash__ = object.__hash__

    def __init__(self, array: Any, role: str = "") -> None:
        a = np.asarray(array)
        if a.dtype.kind == "f" and a.dtype != np.float64:
            a = a.astype(np.float64)
        elif a.dtype.kind in "iu" and a.dtype != np.int64:
            a = a.astype(np.int64)
        if a.size > MAX_ELEMENTS:
            raise NotUnderstood(f"a tensor of {a.size:,} elements")
        self.a: Array = a
        self.role = role

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.a.shape)

    @property
    def ndim(self) -> int:
        return int(self.a.ndim)

    @property
    def dtype(self) -> Dtype:
        return Dtype({"f": "float32", "b": "bool"}.get(self.a.dtype.kind, "int64"))

    @property
    def T(self) -> Tensor:  # noqa: N802 - PyTorch's name
        return Tensor(self.a.T)

    @property
    def mT(self) -> Tensor:  # noqa: N802 - PyTorch's name
        return Tensor(np.swapaxes(self.a, -1, -2))

    data = property(lambda self: self)
    device = property(lambda self: "cpu")
    is_cuda = property(lambda self: False)
    requires_grad = property(lambda self: False)

    def __neg__(self) -> Tensor:
        return Tensor(-self.a)

    def __invert__(self) -> Tensor:
        return Tensor(~self.a)

    def __len__(self) -> int:
        return len(self.a)

    def __iter__(self) -> Any:
        return iter([Tensor(row) for row in self.a])

    def __bool__(self) -> bool:
        return bool(self.a)

    def __int__(self) -> int:
        return int(self.a)

    def __float__(self) -> float:
        return float(self.a)

    def __index__(self) -> int:
        return int(self.a)

    def __getitem__(self, key: Any) -> Tensor:
        return Tensor(self.a[_key(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.a[_key(key)] = plain(value)


def plain(value: Any) -> Any:
    """Return the NumPy form of a tensor, or the value itself."""
    return value.a if isinstance(value, Tensor) else value


def _key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_key(part) for part in key)
    if isinstance(key, slice):
        return slice(*(int(p) if p is not None else None for p in (key.start, key.stop, key.step)))
    return plain(key)


def _operators() -> None:
    def binary(function: Callable[[Any, Any], Any], swapped: bool) -> Callable[[Tensor, Any], Any]:
        def apply(self: Tensor, other: Any) -> Any:
            if other is None or isinstance(other, str):
                return NotImplemented
            pair = (plain(other), self.a) if swapped else (self.a, plain(other))
            return Tensor(function(*pair))

        return apply

    names = ["add", "sub", "mul", "truediv", "floordiv", "mod", "matmul"]
    for name in names:
        function = getattr(operator, name)
        setattr(Tensor, f"__{name}__", binary(function, swapped=False))
        setattr(Tensor, f"__r{name}__", binary(function, swapped=True))
    for name in ("pow", "and", "or", "xor"):
        function = getattr(operator, f"{name}_" if name in ("and", "or") else name)
        setattr(Tensor, f"__{name}__", binary(function, swapped=False))
        setattr(Tensor, f"__r{name}__", binary(function, swapped=True))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", binary(getattr(operator, name), swapped=False))


_operators()


def in_place(left: Tensor, right: Any, function: Callable[[Any, Any], Any]) -> Tensor:
    """Carry out an augmented assignment as PyTorch does: the tensor itself and all its views change."""
    result = function(left.a, plain(right))
    if left.a.dtype.kind != "f" and result.dtype.kind == "f":
        raise NotUnderstood("an in-place operation that would change an integer tensor to floats")
    left.a[...] = result
    return left
