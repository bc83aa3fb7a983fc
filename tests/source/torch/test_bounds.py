"""What an operation makes is measured by rows that take the operation's own arguments."""

from __future__ import annotations

import inspect
import mmap
from typing import Any

import numpy as np

from scaffold.source.torch import bounds
from scaffold.source.torch.ops.creation import CREATION
from scaffold.source.torch.record import owner
from scaffold.source.torch.torch_ops import OPS
from tests.rows import each


def named(function: Any) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, one in inspect.signature(function).parameters.items() if one.kind in kinds]


@each("name", bounds.RESULTS)
def test_a_row_names_the_arguments_as_the_operation_does(name: str) -> None:
    row, operation = named(bounds.RESULTS[name]), named({**OPS, **CREATION}[name])
    assert row == operation[: len(row)]


X = np.arange(120).reshape(2, 3, 4, 5)


@each(
    "key",
    [
        0, slice(1, 2), None, ..., (0, slice(None), 2), (..., 1), (None, 1, ...),
        np.array([0, 1, 1]), (slice(None), np.array([[0, 2], [1, 1]])), (..., np.array([0, 0, 0])),
        (np.array([0, 1]), slice(None), np.array([[3], [1]])), (slice(None), [0, 2], None, slice(0, 1)),
        X > 50, (slice(None), np.array([True, False, True])),
    ],
    ids=str,
)  # fmt: skip
def test_an_index_makes_no_more_than_was_measured(key: Any) -> None:
    measured = bounds.indexed(X.shape, key)
    has_array = any(isinstance(one, (list, np.ndarray)) for one in (key if isinstance(key, tuple) else (key,)))
    assert measured >= X[key].size if has_array else measured == 1


def test_numbers_in_nested_lists_are_counted() -> None:
    assert bounds.total([np.zeros((2, 3)), [1, (2.0, np.zeros(4))]]) == 12


def test_what_a_run_keeps_leaves_a_command_below_half_a_gigabyte() -> None:
    assert bounds.MAX_KEPT * np.dtype(np.float64).itemsize < 350_000_000


@each("name", ["empty", "zeros", "FloatTensor"])
def test_zeros_take_memory_where_they_are_used_whatever_was_freed_before(name: str) -> None:
    """Experts are made empty, and drawn when they are read, which most are not; the C library's own zeros are written
    where it gives out again what was freed."""
    one = CREATION[name](1000, 1000).a
    whole = owner(one)
    assert isinstance(whole.base, memoryview)
    assert isinstance(whole.base.obj, mmap.mmap)
    one[3, 4] = 2.0
    assert (one.sum(), one.shape) == (2.0, (1000, 1000))


def test_views_take_no_memory_of_their_own() -> None:
    rows = np.zeros((4, 6))
    assert owner(rows.T[2:].reshape(2, 2, 4)) is rows
    assert owner(rows) is rows
    assert owner(rows * 2) is not rows
