"""Products of two tensors in one layout, ``[…, rows, inner] @ […, inner, columns]``, whatever computes them."""

from __future__ import annotations

import numpy as np

from scaffold.probing.probe import NUM_TOKENS
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Array, Tensor

PRODUCTS = ("matmul", "bmm", "baddbmm", "einsum")
"""Operations that may be the product of queries and keys, or that of weights and values."""


def pair(op: Operation) -> tuple[Array, Array, Array] | None:
    """Return both factors of a product and its result, in the layout of ``matmul``; None if it has not two factors.

    Of einsum, axes that both factors and the result have come first, in the order of the result. Rows and columns are
    the last axes that one factor alone has, or that which is as long as there are tokens (heads may come behind them);
    the factor whose axis comes first in the result is the left one.
    """
    arrays = [a.a for a in (*op.args, *op.kwargs.values()) if isinstance(a, Tensor)]
    if op.name == "baddbmm":
        arrays = arrays[1:]
    if len(arrays) != 2 or not isinstance(op.output, Tensor):
        return None
    equation = next((a for a in (*op.args, *op.kwargs.values()) if isinstance(a, str)), "")
    if op.name != "einsum":
        return arrays[0], arrays[1], op.output.a
    return _in_layout(equation.replace(" ", ""), arrays[0], arrays[1], op.output.a)


def _in_layout(equation: str, left: Array, right: Array, result: Array) -> tuple[Array, Array, Array] | None:
    inputs, _, output = equation.partition("->")
    first, _, second = inputs.partition(",")
    inner = [letter for letter in first if letter in second and letter not in output]
    rows = [letter for letter in output if letter not in second]
    columns = [letter for letter in output if letter not in first]
    if not equation.isascii() or "." in equation or len(inner) != 1 or not rows or not columns:
        return None
    sizes = dict(zip(output, result.shape))
    row, column = (next((one for one in names if sizes[one] == NUM_TOKENS), names[-1]) for names in (rows, columns))
    if output.index(row) > output.index(column):
        return _in_layout(f"{second},{first}->{output}", right, left, result)
    batch = [letter for letter in output if letter not in (row, column)]
    return (
        _with_axes(left, first, [*batch, row, inner[0]]),
        _with_axes(right, second, [*batch, inner[0], column]),
        _with_axes(result, output, [*batch, row, column]),
    )


def _with_axes(array: Array, names: str, wanted: list[str]) -> Array:
    """Return an array with its axes in another order; one that it does not have has the size 1."""
    there = np.transpose(array, [names.index(letter) for letter in wanted if letter in names])
    return there[tuple(slice(None) if letter in names else None for letter in wanted)]
