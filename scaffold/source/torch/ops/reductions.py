"""Operations over one or more dimensions: sums, extremes, orders, softmax, norms."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np

from scaffold.source.torch.ops.arguments import Op, axis, kind
from scaffold.source.torch.tensors import Array, Tensor, plain

ValuesIndices = namedtuple("ValuesIndices", "values indices")


def _reduce(function: Callable[..., Any]) -> Op:
    def op(x: Array, dim: Any = None, keepdim: bool = False, dtype: Any = None, **_: Any) -> Array:
        result = np.asarray(function(x, axis=axis(dim), keepdims=keepdim))
        return result.astype(kind(dtype)) if dtype is not None else result

    return op


def _extreme(function: Callable[..., Any], where: Callable[..., Any], pair: Op) -> Op:
    def op(x: Array, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
        other = dim if isinstance(dim, np.ndarray) else other
        if other is not None:
            return pair(x, other)
        if dim is None:
            return np.asarray(function(x))
        indices = np.expand_dims(where(x, axis=int(dim)), int(dim))
        values = np.take_along_axis(x, indices, axis=int(dim))
        if not keepdim:
            values, indices = values.squeeze(int(dim)), indices.squeeze(int(dim))
        return ValuesIndices(Tensor(values), Tensor(indices))

    return op


def softmax(x: Array, dim: Any = -1, dtype: Any = None, **_: Any) -> Array:
    """Return the softmax over ``dim``."""
    x = x.astype(np.float64)
    shifted = np.exp(x - x.max(axis=dim, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=dim, keepdims=True))


def unsaid(x: Array) -> int:
    """Return the axis that PyTorch takes where none is said, ``_get_softmax_dim`` of torch/nn/functional.py."""
    return 0 if x.ndim in (0, 1, 3) else 1


def _softmax(x: Array, dim: Any = None, *args: Any, **kwargs: Any) -> Array:
    return softmax(x, unsaid(x) if dim is None else dim, *args, **kwargs)


def _log_softmax(x: Array, dim: Any = None, *_: Any, **__: Any) -> Array:
    return np.asarray(x - _logsumexp(x, unsaid(x) if dim is None else dim, keepdim=True))


def _logsumexp(x: Array, dim: Any, keepdim: bool = False) -> Array:
    top = x.max(axis=axis(dim), keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)  # of nothing but -inf, the sum is 0
    result = top + np.log(np.exp(x - top).sum(axis=axis(dim), keepdims=True))
    return np.asarray(result if keepdim else result.squeeze(axis(dim)))


def _order(x: Array, dim: int, descending: bool) -> Array:
    if descending:  # stable, as for equal values the earlier stands first
        return np.flip(x.shape[dim] - 1 - np.argsort(np.flip(x, dim), axis=dim, kind="stable"), dim)
    return np.argsort(x, axis=dim, kind="stable")


def topk(
    x: Array,
    k: Any,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,  # noqa: A002
) -> ValuesIndices:
    """Return the ``k`` largest of ``dim`` in descending order."""
    order = _order(x, dim, largest)
    indices = np.take(order, np.arange(int(plain(k))), axis=dim)
    return ValuesIndices(Tensor(np.take_along_axis(x, indices, axis=dim)), Tensor(indices))


def _sort(x: Array, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesIndices:
    indices = _order(x, dim, descending)
    return ValuesIndices(Tensor(np.take_along_axis(x, indices, axis=dim)), Tensor(indices))


def _variance(x: Array, dim: Any = None, unbiased: bool = True, keepdim: bool = False, correction: Any = None) -> Array:
    if isinstance(dim, bool):  # var(unbiased)
        dim, unbiased = None, dim
    degrees = correction if correction is not None else int(unbiased)
    return np.asarray(np.var(x, axis=axis(dim), keepdims=keepdim, ddof=degrees))


def _norm(x: Array, p: Any = 2, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Array:
    p = kwargs.get("ord", p)
    if p in (float("inf"), float("-inf")):
        extreme = np.max if p > 0 else np.min
        return np.asarray(extreme(np.abs(x), axis=axis(dim), keepdims=keepdim))
    if p == 0:
        return np.asarray((x != 0).sum(axis=axis(dim), keepdims=keepdim).astype(np.float64))
    p = 2 if p in ("fro", None) else p
    return np.asarray((np.abs(x) ** p).sum(axis=axis(dim), keepdims=keepdim) ** (1.0 / p))


def _normalize(x: Array, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **_: Any) -> Array:
    return np.asarray(x / np.maximum(_norm(x, p, dim, keepdim=True), eps))


def _bincount(x: Array, weights: Any = None, minlength: int = 0) -> Array:
    return np.bincount(x, weights, int(minlength))


def _histc(x: Array, bins: int = 100, min: Any = 0, max: Any = 0) -> Array:  # noqa: A002
    """Count the elements in equal parts of a range, by default their own; the last part has the upper end too."""
    low, high = (min, max) if min != max else (x.min(initial=np.inf), x.max(initial=-np.inf))
    low, high = (low, high) if low < high else (low - 1, high + 1)
    return np.histogram(x, int(bins), (float(low), float(high)))[0].astype(x.dtype)


def _axes(shape: Any) -> tuple[int, ...]:
    """Return the axes of the shape that a norm goes over: the last ones."""
    return tuple(range(-len(shape), 0)) if isinstance(shape, (tuple, list)) else (-1,)


def _cumulated(function: Callable[..., Any]) -> Op:
    def op(x: Array, dim: Any, dtype: Any = None, **_: Any) -> Array:
        return np.asarray(function(x if dtype is None else x.astype(kind(dtype)), axis=dim))

    return op


def _layer_norm(x: Array, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Array:
    axes = _axes(shape)
    centred = x - x.mean(axes, keepdims=True)
    out = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + eps)
    out = out if weight is None else out * weight
    return np.asarray(out if bias is None else out + bias)


def _rms_norm(x: Array, shape: Any, weight: Any = None, eps: Any = None) -> Array:
    out = x / np.sqrt((x**2).mean(_axes(shape), keepdims=True) + (2.0**-23 if eps is None else eps))
    return np.asarray(out if weight is None else out * weight)


OPS: dict[str, Op] = {
    "sum": _reduce(np.sum), "mean": _reduce(np.mean), "prod": _reduce(np.prod), "any": _reduce(np.any),
    "all": _reduce(np.all), "amax": _reduce(np.max), "amin": _reduce(np.min), "nansum": _reduce(np.nansum),
    "max": _extreme(np.max, np.argmax, np.maximum), "min": _extreme(np.min, np.argmin, np.minimum),
    "argmax": lambda x, dim=None, keepdim=False: np.argmax(x, axis=dim, keepdims=keepdim),
    "argmin": lambda x, dim=None, keepdim=False: np.argmin(x, axis=dim, keepdims=keepdim),
    "count_nonzero": lambda x, dim=None: np.asarray(np.count_nonzero(x, axis=axis(dim))),
    "var": _variance, "std": lambda *args, **kwargs: np.sqrt(_variance(*args, **kwargs)),
    "norm": _norm, "vector_norm": lambda x, ord=2, **kwargs: _norm(x, ord, **kwargs), "normalize": _normalize,  # noqa: A006
    "cumsum": _cumulated(np.cumsum), "cumprod": _cumulated(np.cumprod),
    "diff": lambda x, n=1, dim=-1, **ends: np.diff(x, n, dim, **ends),
    "softmax": _softmax, "log_softmax": _log_softmax,
    "logsumexp": _logsumexp, "topk": topk, "sort": _sort,
    "unique": lambda x, sorted=True: np.unique(x),  # noqa: A006
    "argsort": lambda x, dim=-1, descending=False, stable=False: _order(x, dim, descending),
    "bincount": _bincount, "histc": _histc, "layer_norm": _layer_norm, "rms_norm": _rms_norm,
    "equal": lambda x, y: bool(np.array_equal(x, y)), "allclose": lambda x, y, **_: bool(np.allclose(x, y)),
}  # fmt: skip
