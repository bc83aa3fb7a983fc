"""Bounds on tensors, measured before memory is taken for them: every operation of the library that can grow.

Sizes come from a config and from source that nobody has checked. ``RESULTS`` has the operations whose results may be
larger than their arguments broadcast together; sizes that source writes down (``zeros``, ``expand``, ``repeat``) are
measured where they are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood

MAX_ELEMENTS = 50_000_000
"""Probes are small; an array above this comes from a hostile or unshrunk config."""
MAX_PARTS = 1_000_000
"""Tensors, or numbers of Python, that one tensor is taken apart into."""
MAX_DRAWN = 40_000_000
"""Random numbers of a run: far above what a model has at the sizes of a probe; parts that keep their real sizes reach
it."""
MAX_KEPT = 40_000_000
"""Elements of all tensors that a run may make: every one of them is kept, in the record of the run. As many may be
computed while a model is made: each is kept by what is computed of it."""


def bounded(*sizes: int) -> None:
    """Check a shape before memory is taken for it.

    Raises:
        NotUnderstood: the tensor would be larger than any that a probe needs.
    """
    if (size := math.prod(abs(n) for n in sizes)) > MAX_ELEMENTS:
        raise NotUnderstood(f"a tensor of {size:,} elements")


def bounded_together(*values: Any) -> None:
    """Check what arrays become when they are broadcast against each other, or multiplied as matrices."""
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    if math.prod(max(1, array.size) for array in arrays) <= MAX_ELEMENTS:
        return
    shapes = [array.shape for array in arrays]
    if len(shapes) == 2 and min(map(len, shapes)) >= 2 and shapes[0][-1] == shapes[1][-2]:
        bounded(*_broadcast(shapes[0][:-2], shapes[1][:-2]), shapes[0][-2], shapes[1][-1])
    bounded(*_broadcast(*shapes))


def _broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of all together, an empty one where the operation itself will say that they do not fit."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return ()


def drawn(count: int) -> None:
    """Check how many random numbers a run has drawn.

    Raises:
        NotUnderstood: these are more than a model has at the sizes of a probe.
    """
    if count > MAX_DRAWN:
        raise NotUnderstood(f"a model with more than {MAX_DRAWN:,} parameters at the sizes of a probe")


def kept(count: int) -> None:
    """Check how many elements the record of a run keeps, or the tensors of a model that is made.

    Raises:
        NotUnderstood: its tensors take too much memory.
    """
    if count > MAX_KEPT:
        raise NotUnderstood(f"a run with more than {MAX_KEPT:,} elements in its tensors")


def parts(count: int) -> int:
    """Check into how many parts a tensor is taken apart.

    Raises:
        NotUnderstood: there are too many.
    """
    if count > MAX_PARTS:
        raise NotUnderstood(f"a tensor in {count:,} parts")
    return 1


def total(tree: Any) -> int:
    """Return how many numbers there are in nested lists of arrays and numbers."""
    if isinstance(tree, (list, tuple)):
        return sum(map(total, tree))
    return int(tree.size) if isinstance(tree, np.ndarray) else 1


def indexed(shape: tuple[int, ...], key: Any) -> int:
    """Return how many elements ``x[key]`` has at most; only arrays in the key can make it larger than ``x``."""
    keys = [np.asarray(one) if isinstance(one, list) else one for one in (key if isinstance(key, tuple) else (key,))]
    arrays = [one for one in keys if isinstance(one, np.ndarray)]
    if not arrays:
        return 1
    taken = sum(_axes(one) for one in keys)
    size, axis = math.prod(_broadcast(*(one.shape for one in arrays if one.dtype.kind != "b"))), 0
    for one in keys if any(one is ... for one in keys) else (*keys, ...):
        width = len(shape) - taken if one is ... else _axes(one)
        if one is ... or isinstance(one, slice) or (isinstance(one, np.ndarray) and one.dtype.kind == "b"):
            size *= math.prod(shape[axis : axis + width])
        axis += width
    return size


def _axes(key: Any) -> int:
    """Return how many dimensions one part of an index stands for."""
    if key is None or key is ...:
        return 0
    return key.ndim if isinstance(key, np.ndarray) and key.dtype.kind == "b" else 1


def _without(x: Any, dim: Any) -> int:
    return int(x.size // max(1, x.shape[int(dim)]))


RESULTS: dict[str, Callable[..., int]] = {
    # products
    "linear": lambda x, weight, *_, **__: _without(x, -1) * weight.shape[0],
    "baddbmm": lambda x, batch1, batch2, *_, **__: _without(batch1, -1) * batch2.shape[-1],
    "addmm": lambda x, mat1, mat2, *_, **__: _without(mat1, -1) * mat2.shape[-1],
    "conv1d": lambda x, weight, *_, **__: x.shape[0] * (x.shape[2] + weight.shape[2]) * weight.shape[0],
    "scaled_dot_product_attention": lambda query, key, *_, **__: _without(query, -1) * key.shape[-2],
    # parts
    "embedding": lambda ids, weight, *_, **__: ids.size * _without(weight, 0),
    "index_select": lambda x, dim, index, *_, **__: np.size(index) * _without(x, dim),
    "index_fill": lambda x, dim, index, *_, **__: np.size(index) * _without(x, dim),
    "narrow": lambda x, dim, start, length, *_, **__: abs(int(length)) * _without(x, dim),
    "unfold": lambda x, dimension, size, step, *_, **__: x.size * int(size),
    "split": lambda x, size, dim=0: parts(len(size) if isinstance(size, (list, tuple)) else x.shape[dim] // int(size)),
    "chunk": lambda x, chunks, dim=0, *_, **__: parts(int(chunks)),
    "unbind": lambda x, dim=0, *_, **__: parts(x.shape[dim]),
    "tolist": lambda x, *_, **__: parts(x.size),
    # joined
    "cat": lambda tensors, *_, **__: total(tensors),
    "concat": lambda tensors, *_, **__: total(tensors),
    "concatenate": lambda tensors, *_, **__: total(tensors),
    "stack": lambda tensors, *_, **__: total(tensors),
    "tensor": lambda value, *_, **__: total(value),
    "as_tensor": lambda value, *_, **__: total(value),
    "new_tensor": lambda x, data, *_, **__: total(data),
    # others
    "tril": lambda x, *_, **__: x.size ** (2 if x.ndim == 1 else 1),
    "triu": lambda x, *_, **__: x.size ** (2 if x.ndim == 1 else 1),
    "bincount": lambda x, weights=None, minlength=0, *_, **__: max(int(x.max(initial=0)) + 1, int(minlength)),
    "histc": lambda x, bins=100, *_, **__: int(bins),
}
"""Operation → how many elements its result has at most, from its arguments as NumPy arrays."""


def result(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Check what an operation makes of its arguments.

    Raises:
        NotUnderstood: more than a probe needs.
    """
    bounded_together(*args)
    if name in RESULTS:
        bounded(RESULTS[name](*args, **kwargs))
