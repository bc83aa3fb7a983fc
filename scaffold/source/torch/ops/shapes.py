"""Operations on shapes and parts: views, splits, gathers, scatters, creation from a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.bounds import bounded
from scaffold.source.torch.ops.arguments import Op, kind, sizes
from scaffold.source.torch.tensors import Array, Dtype, Tensor, plain


def _places(dim: int, index: Array) -> tuple[Any, ...]:
    """Return where the entries of ``index`` point: to ``index`` along ``dim``, to their own place elsewhere."""
    where: list[Any] = list(np.indices(index.shape, sparse=True))
    where[dim] = index
    return tuple(where)


def _scatter(x: Array, dim: int, index: Array, src: Any = None, value: Any = None, reduce: Any = None) -> Array:
    out = np.array(x)
    if reduce == "add":
        return _scatter_add(x, dim, index, np.broadcast_to(src if src is not None else value, index.shape))
    if reduce is not None:
        raise ValueError(f"reduce={reduce!r}")
    out[_places(dim, index)] = _cut(src if src is not None else value, index)
    return out


def _scatter_add(x: Array, dim: int, index: Array, src: Array) -> Array:
    out = np.array(x)
    np.add.at(out, _places(dim, index), _cut(src, index))
    return out


def _cut(source: Any, index: Array) -> Any:
    """Return the part of the source that has entries in ``index``."""
    is_array = isinstance(source, np.ndarray) and source.ndim > 0
    return source[tuple(slice(0, n) for n in index.shape)] if is_array else source


def _gather(x: Array, dim: int, index: Array, **_: Any) -> Array:
    return np.asarray(x[_places(dim, index)])


def _index_add(x: Array, dim: int, index: Array, source: Array, alpha: float = 1) -> Array:
    out = np.moveaxis(np.array(x), dim, 0)
    np.add.at(out, index, alpha * np.moveaxis(source, dim, 0))
    return np.moveaxis(out, 0, dim)


def _index_copy(x: Array, dim: int, index: Array, source: Array) -> Array:
    out = np.moveaxis(np.array(x), dim, 0)
    out[index] = np.moveaxis(source, dim, 0)
    return np.moveaxis(out, 0, dim)


def _flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    if x.ndim == 0:
        return x.reshape(1)
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return x.reshape(*x.shape[:start], int(np.prod(x.shape[start : end + 1])), *x.shape[end + 1 :])


def _unflatten(x: Array, dim: int, shape: Any) -> Array:
    axis = dim % x.ndim
    return x.reshape(*x.shape[:axis], *sizes((shape,)), *x.shape[axis + 1 :])


def _split(x: Array, size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    total = x.shape[dim]
    if isinstance(size, (list, tuple)):
        parts = [int(plain(s)) for s in size]
        if sum(parts) != total:
            raise NotUnderstood(f"a split of {total} into {parts}")
    else:
        parts = [min(int(size), total - i) for i in range(0, total, int(size))]
    edges = np.cumsum(parts)[:-1]
    return tuple(Tensor(part) for part in np.split(x, edges, axis=dim))


def _chunk(x: Array, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    return _split(x, -(-x.shape[dim] // int(chunks)), dim)


def _expand(x: Array, *shape: Any) -> Array:
    wanted = sizes(shape)
    given = (1,) * (len(wanted) - x.ndim) + x.shape
    return np.broadcast_to(x, tuple(have if want == -1 else want for want, have in zip(wanted, given)))


def _view(x: Array, *shape: Any) -> Array:
    if isinstance(shape[0], Dtype):
        return x.astype(shape[0].kind)
    wanted = sizes(shape)
    if -1 in wanted and x.size == 0:  # NumPy cannot infer a size of an empty array
        rest = int(np.prod([n for n in wanted if n != -1]))
        wanted = tuple((0 if rest == 0 else x.size // rest) if n == -1 else n for n in wanted)
    return x.reshape(wanted)


def _new(fill: float | None) -> Op:
    def op(x: Array, *shape: Any, dtype: Any = None, **_: Any) -> Array:
        return np.full(sizes(shape), fill, dtype=kind(dtype, x.dtype))

    return op


def _like(fill: float) -> Op:
    def op(x: Array, dtype: Any = None, **_: Any) -> Array:
        return np.full(x.shape, fill, dtype=kind(dtype, x.dtype))

    return op


def _full_like(x: Array, value: Any, dtype: Any = None, **_: Any) -> Array:
    return np.full(x.shape, value, dtype=kind(dtype, x.dtype))


def _one_hot(x: Array, num_classes: int = -1) -> Array:
    count = int(num_classes) if num_classes != -1 else int(x.max()) + 1
    bounded(count, count)
    bounded(x.size, count)
    return np.eye(count, dtype=np.int64)[x]


def _squeeze(x: Array, dim: Any = None) -> Array:
    if dim is None:
        return np.squeeze(x)
    dims = [int(d) % x.ndim for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    return np.squeeze(x, axis=tuple(d for d in dims if x.shape[d] == 1))


def _where(condition: Array, x: Any = None, y: Any = None) -> Any:
    if x is None:
        return tuple(Tensor(part) for part in np.nonzero(condition))
    return np.where(condition, x, y)


def _nonzero(x: Array, as_tuple: bool = False) -> Any:
    return _where(x) if as_tuple else np.argwhere(x)


def _repeat_interleave(x: Any, repeats: Any, dim: Any = None, **_: Any) -> Array:
    bounded(np.size(x), int(np.max(repeats)) if np.size(repeats) else 1)
    return np.asarray(np.repeat(x, repeats, axis=dim))


def _repeat(x: Array, *counts: Any) -> Array:
    bounded(x.size, *sizes(counts))
    return np.tile(x, sizes(counts))


def _pad(x: Array, pad: Any, mode: str = "constant", value: Any = None) -> Array:
    """Pad from the last dimension on; negative amounts cut."""
    if mode != "constant":
        raise NotUnderstood(f"padding in the mode {mode!r}")
    amounts = [(int(plain(pad[i])), int(plain(pad[i + 1]))) for i in range(0, len(pad), 2)]
    widths = [(0, 0)] * (x.ndim - len(amounts)) + amounts[::-1]
    bounded(*(n + abs(before) + abs(after) for (before, after), n in zip(widths, x.shape)))
    cut = tuple(slice(max(0, -before), n - max(0, -after)) for (before, after), n in zip(widths, x.shape))
    return np.pad(x[cut], [(max(0, b), max(0, a)) for b, a in widths], constant_values=0 if value is None else value)


def _masked_scatter(x: Array, mask: Array, source: Array) -> Array:
    out = np.array(x)
    mask = np.broadcast_to(mask, x.shape)
    out[mask] = source.reshape(-1)[: int(mask.sum())]
    return out


def _unfold(x: Array, dimension: int, size: int, step: int) -> Array:
    dimension %= x.ndim  # the windows become the last axis
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=dimension)
    return np.take(windows, np.arange(0, windows.shape[dimension], step), axis=dimension)


def _select(x: Array, dim: int, index: Any) -> Array:
    return x[(slice(None),) * (int(dim) % x.ndim) + (int(index),)]


def _narrow(x: Array, dim: int, start: Any, length: Any) -> Array:
    first = int(start) % x.shape[dim] if int(start) < 0 else int(start)
    if first + int(length) > x.shape[dim]:
        raise IndexError(f"{int(length)} entries from {first} on, of {x.shape[dim]}")
    return x[(slice(None),) * (int(dim) % x.ndim) + (slice(first, first + int(length)),)]


def _diagonal(x: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    diagonal = np.diagonal(x, offset, dim1, dim2)
    diagonal.flags.writeable = x.flags.writeable  # NumPy's is for reading alone
    return diagonal


def _masked_select(x: Array, mask: Array) -> Array:
    wide, chosen = np.broadcast_arrays(x, mask)
    return np.asarray(wide[chosen])


def _size(x: Array, dim: Any = None) -> Any:
    return tuple(map(int, x.shape)) if dim is None else int(x.shape[int(dim)])


def _unbind(x: Array, dim: int = 0) -> tuple[Tensor, ...]:
    return tuple(Tensor(part) for part in np.moveaxis(x, dim, 0))


OPS: dict[str, Op] = {
    # the same values in another shape
    "view": _view, "reshape": _view, "flatten": _flatten, "unflatten": _unflatten,
    "transpose": np.swapaxes, "t": lambda x: x.T,
    "permute": lambda x, *dims, **kw: np.transpose(x, sizes(dims or (kw["dims"],))), "expand": _expand,
    "broadcast_to": _expand, "expand_as": lambda x, other: np.broadcast_to(x, other.shape),
    "view_as": lambda x, other: x.reshape(other.shape), "reshape_as": lambda x, other: x.reshape(other.shape),
    "unsqueeze": lambda x, dim: np.expand_dims(x, dim), "squeeze": _squeeze, "movedim": np.moveaxis,
    "flip": lambda x, *dims: np.flip(x, sizes(dims)), "repeat": _repeat, "tile": _repeat,
    "repeat_interleave": _repeat_interleave, "roll": lambda x, shifts, dims=None: np.roll(x, shifts, dims),
    "unfold": _unfold, "pad": _pad,
    # parts
    "split": _split, "split_with_sizes": _split, "chunk": _chunk, "unbind": _unbind,
    "narrow": _narrow, "select": _select, "gather": _gather,
    "take_along_dim": lambda x, indices, dim: np.take_along_axis(x, indices, axis=dim),
    "index_select": lambda x, dim, index: np.take(x, index, axis=dim), "masked_select": _masked_select,
    "embedding": lambda ids, weight, *_, **__: weight[ids], "where": _where, "nonzero": _nonzero,
    "tril": lambda x, diagonal=0: np.tril(x, diagonal), "triu": lambda x, diagonal=0: np.triu(x, diagonal),
    "diagonal": _diagonal,
    "diag": lambda x, diagonal=0: np.diag(x, int(diagonal)),
    # writes
    "scatter": _scatter, "scatter_add": _scatter_add, "index_add": _index_add, "index_copy": _index_copy,
    "masked_scatter": _masked_scatter, "one_hot": _one_hot,
    "index_fill": lambda x, dim, index, value: _index_copy(
        x, dim, index, np.full(np.take(x, index, axis=dim).shape, value)
    ),
    # creation
    "zeros_like": _like(0), "ones_like": _like(1), "empty_like": _like(0), "full_like": _full_like,
    "new_zeros": _new(0), "new_ones": _new(1), "new_empty": _new(0),
    "new_full": lambda x, shape, value, dtype=None, **_: np.full(sizes((shape,)), value, dtype=kind(dtype, x.dtype)),
    "new_tensor": lambda x, data, dtype=None, **_: np.array(data, dtype=kind(dtype, x.dtype)),
    # questions, answered in Python's own numbers
    "item": lambda x: x.item(), "tolist": lambda x: x.tolist(), "numel": lambda x: int(x.size),
    "nelement": lambda x: int(x.size), "dim": lambda x: int(x.ndim), "ndimension": lambda x: int(x.ndim),
    "size": _size, "is_floating_point": lambda x: x.dtype.kind == "f", "is_complex": lambda x: x.dtype.kind == "c",
    "is_contiguous": lambda x, **_: True, "get_device": lambda x: -1,
}  # fmt: skip

ALIASES = {"swapaxes": "transpose", "swapdims": "transpose", "moveaxis": "movedim"}
