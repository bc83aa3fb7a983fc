"""Matrix products, convolution and attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.bounds import bounded
from scaffold.source.torch.budget import multiplied
from scaffold.source.torch.ops.arguments import Op
from scaffold.source.torch.ops.reductions import softmax
from scaffold.source.torch.tensors import Array

MASKED = -1e30
"""Added to attention scores of positions that may not be seen; finite, so that no NaN comes of it."""


def _linear(x: Array, weight: Array, bias: Any = None) -> Array:
    multiplied(x.size * weight.shape[0])
    out = x @ weight.T
    return out if bias is None else out + bias


def _baddbmm(x: Array, batch1: Array, batch2: Array, beta: float = 1, alpha: float = 1) -> Array:
    multiplied(batch1.size * batch2.shape[-1])
    return np.asarray(alpha * (batch1 @ batch2) + (beta * x if beta else 0))  # beta 0 ignores x, even its NaNs


def _addmm(x: Array, mat1: Array, mat2: Array, beta: float = 1, alpha: float = 1) -> Array:
    return _baddbmm(x, mat1, mat2, beta, alpha)


def _outer(x: Array, y: Array) -> Array:
    bounded(x.size, y.size)
    return np.outer(x, y)


def _einsum(equation: str, *tensors: Any) -> Array:
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    inputs, _, output = equation.replace(" ", "").partition("->")
    sizes = {letter: n for part, one in zip(inputs.split(","), tensors) for letter, n in zip(part, one.shape)}
    bounded(*(sizes.get(letter, 1) for letter in output))
    return np.asarray(np.einsum(equation, *tensors))


def attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Array:
    """Return ``scaled_dot_product_attention``; a boolean mask is true where a position may be seen."""
    if enable_gqa:
        repeats = query.shape[-3] // key.shape[-3]
        key, value = np.repeat(key, repeats, -3), np.repeat(value, repeats, -3)
    scores = query @ np.swapaxes(key, -1, -2) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        scores = scores + np.where(np.tri(scores.shape[-2], scores.shape[-1], dtype=bool), 0.0, MASKED)
    if attn_mask is not None:
        scores = scores + (np.where(attn_mask, 0.0, MASKED) if attn_mask.dtype == np.bool_ else attn_mask)
    return np.asarray(softmax(scores) @ value)


def conv1d(
    x: Array, weight: Array, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    """Return the one-dimensional convolution of ``[batch, in, length]`` with ``[out, in / groups, width]``."""
    stride, padding, dilation = (v[0] if isinstance(v, (tuple, list)) else v for v in (stride, padding, dilation))
    if isinstance(padding, str):
        raise NotUnderstood(f"a convolution with the padding {padding!r}")
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding)))
    width = weight.shape[2]
    length = (x.shape[2] - dilation * (width - 1) - 1) // stride + 1
    bounded(*x.shape, width)
    span = stride * (length - 1) + 1
    taps = np.stack([x[:, :, k * dilation : k * dilation + span : stride] for k in range(width)], -1)
    per_group = taps.reshape(x.shape[0], groups, x.shape[1] // groups, length, width)
    kernel = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], width)
    out = np.einsum("bgclk,gock->bgol", per_group, kernel).reshape(x.shape[0], weight.shape[0], length)
    return np.asarray(out if bias is None else out + bias[:, None])


def _solve_triangular(a: Array, b: Array, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Array:
    a = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        a = a * (1 - np.eye(a.shape[-1])) + np.eye(a.shape[-1])
    if left:
        return np.linalg.solve(a, b)
    return np.swapaxes(np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)


OPS: dict[str, Op] = {
    "matmul": np.matmul, "bmm": np.matmul, "mm": np.matmul, "linear": _linear, "outer": _outer, "mv": np.matmul,
    "dot": np.dot, "einsum": _einsum, "baddbmm": _baddbmm, "addmm": _addmm, "conv1d": conv1d,
    "solve_triangular": _solve_triangular, "inv": np.linalg.inv,
    "scaled_dot_product_attention": attention,
}  # fmt: skip
