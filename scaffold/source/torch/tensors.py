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

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch import bounds
from scaffold.source.torch.operations import Operation, Traced, is_recording, record, replaced

Array = NDArray[Any]
KINDS: dict[str, type] = {"f": np.float64, "i": np.int64, "u": np.int64, "c": np.complex128}
"""One width for each kind of number."""


class NoSuchShape(NotUnderstood):
    """Shapes that do not fit, such as a view that its tensor's size does not allow: source that goes by other sizes."""


class Dtype:
    """A ``torch.dtype``: only its kind (floating, complex, integer, bool) matters here."""

    def __init__(self, name: str) -> None:
        self.name = SAME_DTYPES.get(name, name)
        if self.name.startswith(("float", "bfloat")):
            self.kind: type = np.float64
        elif self.name.startswith("complex"):
            self.kind = np.complex128
        else:
            self.kind = np.bool_ if name == "bool" else np.int64
        self.is_floating_point = self.kind is np.float64
        self.is_complex = self.kind is np.complex128

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dtype) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


SAME_DTYPES = {
    "float": "float32", "half": "float16", "double": "float64", "int": "int32", "long": "int64", "short": "int16",
    "cfloat": "complex64",
}  # fmt: skip
"""Second names of dtypes. A tensor of floats says float32, whatever the source made of it."""


class Device:
    """A ``torch.device``: there is one."""

    type = "cpu"
    index = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) or other == "cpu"

    def __hash__(self) -> int:
        return hash("cpu")


class Tensor(Traced):
    """One tensor. ``role`` is ``parameter``, ``buffer``, ``transient`` (a buffer not saved) or empty.

    ``origin`` is the operation that it came from, None for parameters and inputs.
    """

    __slots__ = ("role", "view_of")
    __hash__ = object.__hash__

    def __init__(self, array: Any, role: str = "", origin: Operation | None = None) -> None:
        a = np.asarray(array)
        kind = KINDS.get(a.dtype.kind)
        if kind is not None and a.dtype != kind:
            a = a.astype(kind)
        bounds.bounded(a.size)
        super().__init__(a, origin)
        self.role = role
        self.view_of: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.a.shape)

    @property
    def ndim(self) -> int:
        return int(self.a.ndim)

    @property
    def dtype(self) -> Dtype:
        return Dtype({"f": "float32", "b": "bool", "c": "complex64"}.get(self.a.dtype.kind, "int64"))

    @property
    def T(self) -> Tensor:  # noqa: N802 - PyTorch's name
        return computed("permute", (self, *reversed(range(self.ndim))), self.a.T)

    @property
    def mT(self) -> Tensor:  # noqa: N802 - PyTorch's name
        return computed("transpose", (self, -1, -2), np.swapaxes(self.a, -1, -2))

    @property
    def real(self) -> Tensor:
        return computed("real", (self,), self.a.real)

    @property
    def imag(self) -> Tensor:
        return computed("imag", (self,), self.a.imag)

    data = property(lambda self: self)
    device = property(lambda self: Device())
    is_cuda = property(lambda self: False)
    requires_grad = property(lambda self: False)

    def __neg__(self) -> Tensor:
        return computed("neg", (self,), -self.a)

    def __pos__(self) -> Tensor:
        return self

    def __invert__(self) -> Tensor:
        return computed("bitwise_not", (self,), ~self.a)

    def __len__(self) -> int:
        return len(self.a)

    def __iter__(self) -> Any:
        bounds.parts(len(self))
        rows = tuple(Tensor(row) for row in self.a)
        record("unbind", (self, 0), {}, rows)
        return iter(rows)

    # NumPy makes numbers of arrays without axes alone, PyTorch of all that hold one.
    def __bool__(self) -> bool:
        return bool(self.a.item())

    def __int__(self) -> int:
        return int(self.a.item())

    def __float__(self) -> float:
        return float(self.a.item())

    def __round__(self, digits: int | None = None) -> int | float:
        """Return what NumPy rounds a number of an array to; Python's own may be another (2.67 of 2.675, not 2.68)."""
        if self.a.ndim:
            raise TypeError("round of an array with axes")
        number: Any = self.a[()]
        rounded: int | float = round(number) if digits is None else round(number, digits).item()
        return rounded

    def __index__(self) -> int:
        return int(self.a.item())

    def __getitem__(self, key: Any) -> Tensor:
        where = _key(key)
        bounds.bounded(bounds.indexed(self.shape, where))
        return computed("getitem", (self, key), self.a[where])

    def __setitem__(self, key: Any, value: Any) -> None:
        write(self, "setitem", (key, value), {}, plain(value), key)


def plain(value: Any) -> Any:
    """Return the NumPy form of a tensor, or the value itself."""
    return value.a if isinstance(value, Tensor) else value


def _key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_key(part) for part in key)
    if isinstance(key, list):
        return [_key(part) for part in key]
    if isinstance(key, slice):
        return slice(*(int(p) if p is not None else None for p in (key.start, key.stop, key.step)))
    return plain(key)


def computed(name: str, args: tuple[Any, ...], array: Any, kwargs: dict[str, Any] | None = None) -> Tensor:
    """Return the result of an operation as a tensor, with the operation recorded."""
    result = Tensor(array)
    note_view(result, args)
    record(name, args, kwargs or {}, result)
    return result


def note_view(result: Tensor, args: tuple[Any, ...]) -> None:
    """Remember whose memory a result shares, so that a write to it is one to that tensor, too."""
    source = args[0] if args and isinstance(args[0], Tensor) else None
    if source is not None and np.may_share_memory(source.a, result.a):
        result.view_of = source


def write(
    target: Tensor, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], array: Any, key: Any = ...
) -> Tensor:
    """Write ``array`` into ``target[key]``, and record it as the operation ``name`` of (target before, *args).

    The tensors that ``target`` is a view of change with it: to them it is an operation ``write_through`` of
    (tensor before, view).

    A parameter that is written to before the model runs is given its first values, which the checkpoint replaces:
    nothing happens. One that is written to as it runs is a parameter no more, but what was computed of one.
    """
    chain = [target]
    while chain[-1].view_of is not None:
        chain.append(chain[-1].view_of)
    if chain[-1].role == "parameter" and not is_recording():
        return target
    before = [_past(tensor) for tensor in chain]
    target.a[_key(key)] = array
    record(name, (before[0], *replaced(args, target, before[0])), replaced(kwargs, target, before[0]), target)
    for base, past, view in zip(chain[1:], before[1:], chain):
        record("write_through", (past, view), {}, base)
    for tensor in chain:
        tensor.role = "" if tensor.role == "parameter" else tensor.role
    return target


def _past(tensor: Tensor) -> Tensor:
    """Return a copy that takes the tensor's place in all that was recorded until now."""
    past = Tensor(np.array(tensor.a), tensor.role, tensor.origin)
    past.view_of = tensor.view_of
    for one in tensor.records:
        one.args, one.kwargs = replaced(one.args, tensor, past), replaced(one.kwargs, tensor, past)
        one.output = replaced(one.output, tensor, past)
    past.records, tensor.records = tensor.records, []
    return past


NAMES: dict[Callable[..., Any], str] = {
    operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.truediv: "div",
    operator.floordiv: "floor_divide", operator.mod: "remainder", operator.matmul: "matmul", operator.pow: "pow",
    operator.and_: "bitwise_and", operator.or_: "bitwise_or", operator.xor: "bitwise_xor", operator.eq: "eq",
    operator.ne: "ne", operator.lt: "lt", operator.le: "le", operator.gt: "gt", operator.ge: "ge",
}  # fmt: skip
"""Python's operators by their names in ``torch``."""


def _operators() -> None:
    def binary(function: Callable[[Any, Any], Any], swapped: bool) -> Callable[[Tensor, Any], Any]:
        def apply(self: Tensor, other: Any) -> Any:
            if other is None or isinstance(other, str):
                return NotImplemented
            pair = (other, self) if swapped else (self, other)
            bounds.bounded_together(plain(pair[0]), plain(pair[1]))
            try:
                found = function(plain(pair[0]), plain(pair[1]))
            except ValueError as error:  # of shapes
                raise NoSuchShape(f"{NAMES[function]!r} with these arguments ({error})") from error
            return computed(NAMES[function], pair, found)

        return apply

    for function in NAMES:
        name = function.__name__.rstrip("_")
        setattr(Tensor, f"__{name}__", binary(function, swapped=False))
        if name not in ("eq", "ne", "lt", "le", "gt", "ge"):
            setattr(Tensor, f"__r{name}__", binary(function, swapped=True))


_operators()


def in_place(left: Tensor, right: Any, function: Callable[[Any, Any], Any]) -> Tensor:
    """Carry out an augmented assignment as PyTorch does: the tensor itself and all its views change."""
    bounds.bounded_together(left.a, plain(right))
    result = function(left.a, plain(right))
    if left.a.dtype.kind not in "fc" and result.dtype.kind == "f":
        raise NotUnderstood("an in-place operation that would change an integer tensor to floats")
    return write(left, f"{NAMES[function]}_", (right,), {}, result)
