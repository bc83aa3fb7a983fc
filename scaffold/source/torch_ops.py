"""What PyTorch's functions and tensor methods compute, as a table over NumPy.

One table serves ``torch.f(x, …)``, ``torch.nn.functional.f(x, …)`` and ``x.f(…)``. A function that is not here ends
in a hole that names it; adding one is adding a row. Semantics: https://docs.pytorch.org/docs/stable/torch.html
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np

from scaffold.source.errors import NotUnderstood
from scaffold.source.operations import record
from scaffold.source.tensors import Array, Dtype, Tensor, computed, note_view, plain, write

ValuesIndices = namedtuple("ValuesIndices", "values indices")
Op = Callable[..., Any]


def _dims(shape: tuple[Any, ...]) -> tuple[int, ...]:
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    return tuple(int(plain(n)) for n in shape)


def _axis(dim: Any) -> Any:
    return tuple(int(d) for d in dim) if isinstance(dim, (tuple, list)) else dim


def _reduce(function: Callable[..., Any]) -> Op:
    def op(x: Array, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Array:
        return np.asarray(function(x, axis=_axis(dim), keepdims=keepdim))

    return op


def _extreme(function: Callable[..., Any], where: Callable[..., Any], pair: Op) -> Op:
    def op(x: Array, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, np.ndarray):
            return pair(x, dim)
        if dim is None:
            return np.asarray(function(x))
        indices = np.expand_dims(where(x, axis=dim), dim)
        values = np.take_along_axis(x, indices, axis=dim)
        if not keepdim:
            values, indices = values.squeeze(dim), indices.squeeze(dim)
        return ValuesIndices(Tensor(values), Tensor(indices))

    return op


def softmax(x: Array, dim: Any = -1, dtype: Any = None, **_: Any) -> Array:
    """Return the softmax over ``dim``."""
    shifted = np.exp(x - x.max(axis=dim, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=dim, keepdims=True))


def sigmoid(x: Array) -> Array:
    """Return the logistic function."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def gelu(x: Array, approximate: str = "none") -> Array:
    """Return GELU, exact or in its tanh form."""
    if approximate == "tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    erf = np.vectorize(math.erf, otypes=[np.float64])
    return np.asarray(0.5 * x * (1 + erf(x / math.sqrt(2))))


def topk(
    x: Array,
    k: Any,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,  # noqa: A002
) -> ValuesIndices:
    """Return the ``k`` largest of ``dim`` in descending order."""
    order = np.argsort(-x if largest else x, axis=dim, kind="stable")
    indices = np.take(order, np.arange(int(plain(k))), axis=dim)
    return ValuesIndices(Tensor(np.take_along_axis(x, indices, axis=dim)), Tensor(indices))


def _scatter(x: Array, dim: int, index: Array, src: Any = None, value: Any = None, **_: Any) -> Array:
    out = np.array(x)
    source = src if src is not None else value
    if isinstance(source, np.ndarray) and source.shape != index.shape:
        source = source[tuple(slice(0, n) for n in index.shape)]
    np.put_along_axis(out, index, source, axis=dim)
    return out


def _index_add(x: Array, dim: int, index: Array, source: Array, alpha: float = 1) -> Array:
    out = np.moveaxis(np.array(x), dim, 0)
    np.add.at(out, index, alpha * np.moveaxis(source, dim, 0))
    return np.moveaxis(out, 0, dim)


def _flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


def _unflatten(x: Array, dim: int, sizes: Any) -> Array:
    axis = dim % x.ndim
    return x.reshape(*x.shape[:axis], *_dims((sizes,)), *x.shape[axis + 1 :])


def _split(x: Array, size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    total = x.shape[dim]
    if isinstance(size, (list, tuple)):
        sizes = [int(plain(s)) for s in size]
        if sum(sizes) != total:
            raise NotUnderstood(f"a split of {total} into {sizes}")
    else:
        sizes = [min(int(size), total - i) for i in range(0, total, int(size))]
    edges = np.cumsum(sizes)[:-1]
    return tuple(Tensor(part) for part in np.split(x, edges, axis=dim))


def _chunk(x: Array, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    return _split(x, -(-x.shape[dim] // int(chunks)), dim)


def _expand(x: Array, *sizes: Any) -> Array:
    wanted = _dims(sizes)
    shape = (1,) * (len(wanted) - x.ndim) + x.shape
    return np.broadcast_to(x, tuple(have if want == -1 else want for want, have in zip(wanted, shape)))


def _to(x: Array, *args: Any, dtype: Any = None, **_: Any) -> Array:
    for candidate in (dtype, *args):
        if isinstance(candidate, Dtype) and x.dtype != candidate.kind:
            return x.astype(candidate.kind)
        if isinstance(candidate, np.ndarray) and x.dtype != candidate.dtype:
            return x.astype(candidate.dtype)
    return x


def _linear(x: Array, weight: Array, bias: Any = None) -> Array:
    out = x @ weight.T
    return out if bias is None else out + bias


def _layer_norm(x: Array, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    out = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    out = out if weight is None else out * weight
    return np.asarray(out if bias is None else out + bias)


def _rms_norm(x: Array, shape: Any, weight: Any = None, eps: Any = None) -> Array:
    out = x / np.sqrt((x**2).mean(-1, keepdims=True) + (2.0**-23 if eps is None else eps))
    return np.asarray(out if weight is None else out * weight)


def _new(fill: float | None) -> Op:
    def op(x: Array, *shape: Any, dtype: Any = None, **_: Any) -> Array:
        return np.full(_dims(shape), fill, dtype=dtype.kind if dtype else x.dtype)

    return op


def _like(fill: float) -> Op:
    def op(x: Array, dtype: Any = None, **_: Any) -> Array:
        return np.full(x.shape, fill, dtype=dtype.kind if dtype else x.dtype)

    return op


def _masked_fill(x: Array, mask: Array, value: Any) -> Array:
    return np.where(mask, value, x)


def _one_hot(x: Array, num_classes: int = -1) -> Array:
    return np.eye(int(num_classes), dtype=np.int64)[x]


def _squeeze(x: Array, dim: Any = None) -> Array:
    if dim is None:
        return np.squeeze(x)
    return np.squeeze(x, axis=dim) if x.shape[dim] == 1 else x


def _where(condition: Array, x: Any = None, y: Any = None) -> Any:
    if x is None:
        return tuple(Tensor(part) for part in np.nonzero(condition))
    return np.where(condition, x, y)


def _repeat_interleave(x: Array, repeats: Any, dim: Any = None, **_: Any) -> Array:
    return np.repeat(x, repeats, axis=dim)


OPS: dict[str, Op] = {
    # element by element
    "abs": np.abs, "cos": np.cos, "sin": np.sin, "exp": np.exp, "log": np.log, "sqrt": np.sqrt,
    "tanh": np.tanh, "square": np.square, "reciprocal": lambda x: 1.0 / x, "neg": np.negative,
    "rsqrt": lambda x: 1.0 / np.sqrt(x), "sigmoid": sigmoid, "relu": lambda x, **_: np.maximum(x, 0),
    "silu": lambda x, **_: x * sigmoid(x), "gelu": gelu, "erf": np.vectorize(math.erf, otypes=[float]),
    "softplus": lambda x, **_: np.logaddexp(0, x), "floor": np.floor, "round": np.round,
    "pow": lambda x, e: x ** np.float64(e) if np.ndim(e) == 0 else x**e,
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide,
    "clamp": lambda x, min=None, max=None: np.clip(x, min, max),  # noqa: A006
    "clip": lambda x, min=None, max=None: np.clip(x, min, max),  # noqa: A006
    "greater": np.greater, "lt": np.less, "gt": np.greater, "eq": np.equal, "ne": np.not_equal,
    "logical_not": np.logical_not, "logical_and": np.logical_and,
    "isinf": np.isinf, "isnan": np.isnan, "masked_fill": _masked_fill, "where": _where,
    "dropout": lambda x, *_, **__: x, "maximum": np.maximum, "minimum": np.minimum,
    # reductions
    "sum": _reduce(np.sum), "mean": _reduce(np.mean), "prod": _reduce(np.prod), "any": _reduce(np.any),
    "all": _reduce(np.all), "amax": _reduce(np.max), "amin": _reduce(np.min),
    "max": _extreme(np.max, np.argmax, np.maximum), "min": _extreme(np.min, np.argmin, np.minimum),
    "var": lambda x, dim=None, keepdim=False, unbiased=True, correction=1: np.var(
        x, axis=_axis(dim), keepdims=keepdim, ddof=correction if unbiased else 0
    ),
    "argmax": lambda x, dim=None, keepdim=False: np.argmax(x, axis=dim, keepdims=keepdim),
    "cumsum": lambda x, dim: np.cumsum(x, axis=dim), "softmax": softmax, "topk": topk,
    "argsort": lambda x, dim=-1, descending=False, **_: np.argsort(
        -x if descending else x, axis=dim, kind="stable"
    ),
    # products
    "matmul": np.matmul, "bmm": np.matmul, "mm": np.matmul, "linear": _linear, "outer": np.outer,
    "einsum": lambda equation, *xs: np.einsum(equation, *xs), "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    # shapes
    "view": lambda x, *s: x if isinstance(s[0], Dtype) else x.reshape(_dims(s)),
    "reshape": lambda x, *s: x.reshape(_dims(s)), "flatten": _flatten, "unflatten": _unflatten,
    "transpose": lambda x, a, b: np.swapaxes(x, a, b), "t": lambda x: x.T,
    "permute": lambda x, *d: np.transpose(x, _dims(d)), "expand": _expand,
    "expand_as": lambda x, o: np.broadcast_to(x, o.shape), "view_as": lambda x, o: x.reshape(o.shape),
    "reshape_as": lambda x, o: x.reshape(o.shape), "type_as": lambda x, o: _to(x, o),
    "unsqueeze": lambda x, dim: np.expand_dims(x, dim), "squeeze": _squeeze,
    "repeat": lambda x, *r: np.tile(x, _dims(r)), "repeat_interleave": _repeat_interleave,
    "contiguous": lambda x, **_: np.ascontiguousarray(x), "clone": lambda x, **_: np.array(x),
    "movedim": np.moveaxis, "flip": lambda x, *d: np.flip(x, _dims(d)), "roll": lambda x, s, d: np.roll(x, s, d),
    "narrow": lambda x, dim, start, n: np.take(x, np.arange(start, start + n), axis=dim),
    "tril": lambda x, diagonal=0: np.tril(x, diagonal), "triu": lambda x, diagonal=0: np.triu(x, diagonal),
    "detach": lambda x: x, "cpu": lambda x: x, "requires_grad_": lambda x, *_: x, "item": lambda x: x.item(),
    "tolist": lambda x: x.tolist(), "numel": lambda x: int(x.size), "dim": lambda x: int(x.ndim),
    "size": lambda x, d=None: tuple(map(int, x.shape)) if d is None else int(x.shape[d]),
    "is_floating_point": lambda x: x.dtype.kind == "f",
    # dtypes
    "to": _to, "type": _to, "float": lambda x: x.astype(np.float64), "double": lambda x: x.astype(np.float64),
    "half": lambda x: x, "bfloat16": lambda x: x, "int": lambda x: x.astype(np.int64),
    "long": lambda x: x.astype(np.int64), "bool": lambda x: x.astype(np.bool_),
    # parts
    "split": _split, "chunk": _chunk, "unbind": lambda x, dim=0: tuple(Tensor(p) for p in np.moveaxis(x, dim, 0)),
    "gather": lambda x, dim, index: np.take_along_axis(x, index, axis=dim), "scatter": _scatter,
    "index_add": _index_add, "index_select": lambda x, dim, i: np.take(x, i, axis=dim),
    "nonzero": lambda x: np.argwhere(x), "one_hot": _one_hot,
    # creation
    "zeros_like": _like(0), "ones_like": _like(1), "empty_like": _like(0),
    "new_zeros": _new(0), "new_ones": _new(1), "new_empty": _new(0),
}  # fmt: skip


def apply(name: str, *args: Any, **kwargs: Any) -> Any:
    """Call the row ``name`` on tensors; a trailing underscore writes the result back into the first.

    Raises:
        NotUnderstood: there is no such row, or it does not take these arguments.
    """
    writes_back = name.endswith("_") and name not in OPS
    op = OPS.get(name[:-1] if writes_back else name)
    if op is None:
        raise NotUnderstood(f"the PyTorch operation {name!r}")
    try:
        result = op(*map(_plain_tree, args), **{k: _plain_tree(v) for k, v in kwargs.items()})
    except NotUnderstood:
        raise
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise NotUnderstood(f"{name!r} with these arguments ({error})") from error
    if writes_back:
        return write(args[0], name, args[1:], kwargs, result)
    if isinstance(result, (np.ndarray, np.generic)):
        return computed(name, args, result, kwargs)
    if isinstance(result, tuple) and any(isinstance(part, Tensor) for part in result):
        for part in result:
            note_view(part, args)
        record(name, args, kwargs, result)
    return result


def _plain_tree(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and not isinstance(value, ValuesIndices):
        return type(value)(map(_plain_tree, value))
    return plain(value)


def creation(name: str) -> Op | None:
    """Return the function ``torch.<name>`` that makes a tensor of numbers or joins several, or None."""
    create = CREATION.get(name)

    def recorded(*args: Any, **kwargs: Any) -> Tensor:
        result: Tensor = create(*args, **kwargs)  # type: ignore[misc]
        record(name, args, kwargs, result)
        return result

    return recorded if create else None


def _filled(fill: float) -> Op:
    def create(*shape: Any, dtype: Any = None, **_: Any) -> Tensor:
        return Tensor(np.full(_dims(shape), fill, dtype=dtype.kind if dtype else np.float64))

    return create


def _arange(*args: Any, dtype: Any = None, **_: Any) -> Tensor:
    return Tensor(np.arange(*map(plain, args), dtype=dtype.kind if dtype else None))


def _tensor(value: Any, dtype: Any = None, **_: Any) -> Tensor:
    return Tensor(np.array(_plain_tree(value), dtype=dtype.kind if dtype else None))


def _cat(tensors: Any, dim: int = 0, **_: Any) -> Tensor:
    return Tensor(np.concatenate([plain(t) for t in tensors], axis=dim))


def _stack(tensors: Any, dim: int = 0, **_: Any) -> Tensor:
    return Tensor(np.stack([plain(t) for t in tensors], axis=dim))


CREATION: dict[str, Op] = {
    "zeros": _filled(0), "ones": _filled(1), "empty": _filled(0), "arange": _arange, "tensor": _tensor,
    "full": lambda size, value, dtype=None, **_: Tensor(
        np.full(_dims((size,)), value, dtype=dtype.kind if dtype else None)
    ),
    "as_tensor": _tensor, "cat": _cat, "concat": _cat, "stack": _stack,
    "eye": lambda n, **_: Tensor(np.eye(int(n))),
}  # fmt: skip
