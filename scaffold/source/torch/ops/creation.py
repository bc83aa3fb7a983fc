"""Functions that make a tensor of numbers, or join several."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np

from scaffold.source.torch.bounds import bounded
from scaffold.source.torch.ops.arguments import Op, kind, sizes
from scaffold.source.torch.tensors import Array, NoSuchShape, Tensor, plain

LARGE = 100_000
"""Elements from which on it counts whether memory is taken."""


def plain_tree(value: Any) -> Any:
    """Return nested lists and tuples with NumPy arrays in the place of tensors."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain_tree, value))
    return plain(value)


def _zeros(shape: tuple[int, ...], form: Any) -> Array:
    """Return zeros whose memory is taken where they are used: parameters are made empty, and few are ever read.

    NumPy leaves that to the C library, which fills what it takes from memory that it was given back before.
    """
    count, dtype = math.prod(shape), np.dtype(form)
    if count < LARGE:
        return np.zeros(shape, dtype=dtype)
    pages = mmap.mmap(-1, count * dtype.itemsize)
    return np.frombuffer(pages, dtype, count).reshape(shape)


def _filled(fill: float) -> Op:
    """Return the function that makes a tensor of one number."""

    def create(*shape: Any, size: Any = None, dtype: Any = None, **_: Any) -> Tensor:
        wanted, form = sizes(shape if size is None else (size,)), kind(dtype, np.float64)
        return Tensor(np.full(wanted, fill, dtype=form) if fill else _zeros(wanted, form))

    return create


def _full(size: Any, fill_value: Any, dtype: Any = None, **_: Any) -> Tensor:
    return Tensor(np.full(sizes((size,)), plain(fill_value), dtype=kind(dtype)))


def _arange(*args: Any, start: Any = 0, end: Any = None, step: Any = 1, dtype: Any = None, **_: Any) -> Tensor:
    if len(args) == 1:
        end = args[0]
    elif args:
        start, end, *given = args
        step = given[0] if given else step
    first, last, width = (plain(bound) for bound in (start, end, step))
    bounded(int(abs(last - first) / abs(width)) + 1)
    return Tensor(np.arange(first, last, width, dtype=kind(dtype)))


def _typed(form: type) -> Op:
    """Return ``torch.FloatTensor`` and its like: of numbers, or of a shape."""

    def create(*args: Any) -> Tensor:
        is_data = len(args) == 1 and isinstance(args[0], (list, tuple, Tensor, np.ndarray))
        if not is_data:
            return Tensor(_zeros(sizes(args), form))
        return Tensor(np.array(plain_tree(args[0]), dtype=form))

    return create


def _tensor(value: Any, dtype: Any = None, **_: Any) -> Tensor:
    array = np.array(plain_tree(value), dtype=kind(dtype))
    return Tensor(array.astype(np.float64) if array.size == 0 and dtype is None else array)


def _cat(tensors: Any, dim: int = 0, **kwargs: Any) -> Tensor:
    arrays = [plain(t) for t in tensors]
    kept = [a for a in arrays if a.shape != (0,)] or arrays  # PyTorch skips empty vectors
    try:
        return Tensor(np.concatenate(kept, axis=kwargs.get("axis", dim)))
    except ValueError as error:
        raise NoSuchShape(f"'cat' with these arguments ({error})") from error


def _stack(tensors: Any, dim: int = 0, **_: Any) -> Tensor:
    return Tensor(np.stack([plain(t) for t in tensors], axis=dim))


def _meshgrid(*tensors: Any, indexing: Any = "ij") -> tuple[Tensor, ...]:
    parts = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    bounded(*(plain(p).size for p in parts))
    return tuple(Tensor(np.array(grid)) for grid in np.meshgrid(*[plain(p) for p in parts], indexing=indexing))


def _broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    return tuple(Tensor(array) for array in np.broadcast_arrays(*map(plain, tensors)))


def _linspace(start: Any, end: Any, steps: Any, dtype: Any = None, **_: Any) -> Tensor:
    bounded(int(steps))
    return Tensor(np.linspace(plain(start), plain(end), int(steps), dtype=kind(dtype, np.float64)))


def _eye(n: Any, m: Any = None, dtype: Any = None, **_: Any) -> Tensor:
    bounded(int(n), int(n if m is None else m))
    return Tensor(np.eye(int(n), None if m is None else int(m), dtype=kind(dtype, np.float64)))


def _joined(axis: int) -> Op:
    def join(tensors: Any) -> Tensor:
        arrays = [np.atleast_2d(plain(t)) if axis == 0 else np.atleast_1d(plain(t)) for t in tensors]
        return Tensor(np.concatenate(arrays, axis=0 if arrays[0].ndim == 1 else axis))

    return join


CREATION: dict[str, Op] = {
    "zeros": _filled(0), "ones": _filled(1), "empty": _filled(0), "full": _full, "arange": _arange,
    "linspace": _linspace, "eye": _eye, "tensor": _tensor, "as_tensor": _tensor, "scalar_tensor": _tensor,
    "cat": _cat, "concat": _cat, "concatenate": _cat, "stack": _stack, "meshgrid": _meshgrid,
    "broadcast_tensors": _broadcast_tensors, "from_numpy": _tensor,
    "hstack": _joined(1), "vstack": _joined(0),
    "Tensor": _typed(np.float64), "FloatTensor": _typed(np.float64), "LongTensor": _typed(np.int64),
    "IntTensor": _typed(np.int64), "BoolTensor": _typed(np.bool_),
}  # fmt: skip
