"""Matrices of tests: a sample of the rows runs with the fast tests, all of them with ``make test``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

costly = pytest.mark.engine
"""A test that starts no engine, and takes as long as one: it runs where they do, with ``make test``."""


def sampled(rows: Iterable[Any], every: int = 4) -> list[Any]:
    """Return the rows of a matrix, all but each ``every``-th of which are left out where engines are.

    The sample is the same in each run. What is left out starts no engine, and takes as long as one together. A tuple is
    a row of several arguments.
    """
    return [
        row
        if number % every == 0
        else pytest.param(*(row if isinstance(row, tuple) else (row,)), marks=pytest.mark.engine)
        for number, row in enumerate(rows)
    ]
