"""Operations that work element by element: arithmetic, comparisons, activations, conversions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scaffold.source.torch.ops.arguments import Op, kind
from scaffold.source.torch.tensors import Array, Dtype

erf = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(x: Array) -> Array:
    """Return the logistic function."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def gelu(x: Array, approximate: str = "none") -> Array:
    """Return GELU, exact or in its tanh form."""
    if approximate == "tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return np.asarray(0.5 * x * (1 + (erf(x / math.sqrt(2)) if x.size else x)))


def softplus(x: Array, beta: float = 1, threshold: float = 20) -> Array:
    """Return log(1 + exp(beta x)) / beta, the identity above the threshold."""
    return np.where(beta * x > threshold, x, np.logaddexp(0, beta * x) / beta)


def _clamp(x: Array, min: Any = None, max: Any = None) -> Array:  # noqa: A002 - PyTorch's names
    if min is None and max is None:
        return x
    return np.clip(x, min, max)


def _div(x: Any, y: Any, rounding_mode: str | None = None) -> Array:
    if rounding_mode == "floor":
        return np.asarray(np.floor_divide(x, y))
    quotient: Array = np.asarray(np.true_divide(x, y))
    if rounding_mode == "trunc":
        whole = np.trunc(quotient)
        return whole.astype(np.int64) if np.asarray(x).dtype.kind == "i" == np.asarray(y).dtype.kind else whole
    return quotient


def _pow(x: Any, exponent: Any) -> Array:
    if np.asarray(exponent).dtype.kind == "i" and np.asarray(x).dtype.kind == "i" and np.all(np.asarray(exponent) >= 0):
        return np.asarray(np.power(x, exponent))
    return np.asarray(np.power(x, np.asarray(exponent, dtype=np.float64)))


def _nan_to_num(x: Array, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """Replace what is not finite; what is infinite by the farthest number of float32, unless another is given."""
    farthest = float(np.finfo(np.float32).max)
    above, below = farthest if posinf is None else posinf, -farthest if neginf is None else neginf
    return np.asarray(np.nan_to_num(x, nan=nan, posinf=above, neginf=below))


def _convert(x: Array, *args: Any, dtype: Any = None, **_: Any) -> Array:
    for candidate in (dtype, *args):
        wanted = None
        if isinstance(candidate, np.ndarray):
            wanted = candidate.dtype
        elif isinstance(candidate, (Dtype, type)):
            wanted = np.dtype(kind(candidate))
        if wanted is not None:
            return x if x.dtype == wanted else x.astype(wanted)
    return x


def _as(wanted: type) -> Op:
    return lambda x, *_, **__: x if x.dtype == wanted else x.astype(wanted)


def _masked_fill(x: Array, mask: Array, value: Any) -> Array:
    return np.where(mask, np.asarray(value, dtype=x.dtype), x)


def _identity(x: Array, *_: Any, **__: Any) -> Array:
    return x


def _copy(x: Array, source: Any, *_: Any, **__: Any) -> Array:
    return np.broadcast_to(np.asarray(source), x.shape)


def _spread(x: Array, *_: Any, **__: Any) -> Array:
    """Return numbers between 0 and 1; only initial values of parameters, which are random anyway, are made so."""
    return np.linspace(0, 1, x.size + 2)[1:-1].reshape(x.shape)


OPS: dict[str, Op] = {
    # one argument
    "abs": np.abs, "cos": np.cos, "sin": np.sin, "tan": np.tan, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt, "tanh": np.tanh,
    "atan": np.arctan, "square": np.square, "reciprocal": lambda x: 1.0 / x, "neg": np.negative, "sign": np.sign,
    "rsqrt": lambda x: 1.0 / np.sqrt(x), "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
    "frac": lambda x: x - np.trunc(x),
    "round": lambda x, decimals=0: np.round(x, decimals), "erf": lambda x: erf(x) if x.size else x,
    "isinf": np.isinf, "isnan": np.isnan, "isfinite": np.isfinite, "nan_to_num": _nan_to_num,
    # activations
    "sigmoid": sigmoid, "relu": lambda x, *_, **__: np.maximum(x, 0), "silu": lambda x, *_, **__: x * sigmoid(x),
    "gelu": gelu, "softplus": softplus, "mish": lambda x, **_: x * np.tanh(softplus(x)),
    "relu6": lambda x, *_, **__: np.clip(x, 0, 6), "hardswish": lambda x, *_, **__: x * np.clip(x + 3, 0, 6) / 6,
    "hardsigmoid": lambda x, *_, **__: np.clip(x / 6 + 0.5, 0, 1),
    "leaky_relu": lambda x, negative_slope=0.01, *_, **__: np.where(x > 0, x, negative_slope * x),
    "elu": lambda x, alpha=1.0, *_, **__: np.where(x > 0, x, alpha * np.expm1(x)),
    "logsigmoid": lambda x: -np.logaddexp(0, -x), "dropout": _identity, "alpha_dropout": _identity,
    # two arguments
    "pow": _pow, "add": lambda x, y, alpha=1: np.add(x, alpha * y if alpha != 1 else y),
    "sub": lambda x, y, alpha=1: np.subtract(x, alpha * y if alpha != 1 else y), "mul": np.multiply, "div": _div,
    "floor_divide": np.floor_divide, "remainder": np.mod, "fmod": np.fmod, "maximum": np.maximum, "minimum": np.minimum,
    "atan2": np.arctan2, "clamp": _clamp, "clip": _clamp, "clamp_min": lambda x, min: np.maximum(x, min),  # noqa: A006
    "clamp_max": lambda x, max: np.minimum(x, max), "lerp": lambda x, y, weight: x + weight * (y - x),  # noqa: A006
    "addcmul": lambda x, a, b, value=1: x + value * a * b, "copysign": np.copysign,
    # comparisons and logic
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "logical_not": np.logical_not, "logical_and": np.logical_and, "logical_or": np.logical_or,
    "logical_xor": np.logical_xor, "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor, "bitwise_not": np.bitwise_not, "masked_fill": _masked_fill,
    # complex numbers
    "polar": lambda absolute, angle: absolute * np.exp(1j * angle), "complex": lambda real, imag: real + 1j * imag,
    "view_as_complex": lambda x: x[..., 0] + 1j * x[..., 1], "view_as_real": lambda x: np.stack([x.real, x.imag], -1),
    "real": np.real, "imag": np.imag, "conj": np.conj, "angle": np.angle,
    # dtypes, devices and storage
    "to": _convert, "type": _convert, "type_as": _convert, "float": _as(np.float64), "double": _as(np.float64),
    "half": _as(np.float64), "bfloat16": _as(np.float64), "int": _as(np.int64), "long": _as(np.int64),
    "bool": _as(np.bool_), "detach": _identity, "cpu": _identity, "cuda": _identity, "numpy": _identity,
    "requires_grad_": _identity,
    "contiguous": lambda x, **_: np.ascontiguousarray(x).reshape(x.shape), "clone": lambda x, **_: np.array(x),
    "uniform_": _spread, "normal_": _spread,
    "copy_": _copy, "fill_": _copy, "zero_": lambda x: np.zeros_like(x), "alias": _identity,
}  # fmt: skip
"""A row whose name ends in an underscore exists only as a write; any other row is one when it is called so."""

ALIASES = {
    "multiply": "mul", "divide": "div", "true_divide": "div", "subtract": "sub", "greater": "gt", "less": "lt",
    "greater_equal": "ge", "less_equal": "le", "not_equal": "ne", "absolute": "abs", "negative": "neg",
    "arctan": "atan", "arctan2": "atan2", "swish": "silu", "sgn": "sign",
}  # fmt: skip
"""Other names of the same operation; the record has the first name."""
