"""What all runs of a reading take together has an end, whoever takes it."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch import budget
from scaffold.source.torch.budget import COMPARED, OWN, Budget, TooLarge, at_most, attempt, held, one_reading
from tests.source.test_interpreter import call

TORCH = "import torch\nfrom torch import nn\n"
LINEAR = f"{TORCH}def f(n):\n    return [nn.Linear(9, 9)(torch.ones(1, 9)) for _ in range(n)]"
ELEMENTS = 9 * 9 + 9 + 9
"""Weight, bias, and what is computed."""


def test_a_reading_leaves_a_command_below_half_a_gigabyte() -> None:
    assert OWN.elements * np.dtype(np.float64).itemsize < 350_000_000
    assert COMPARED.elements < OWN.elements
    assert COMPARED.products < OWN.products


@pytest.mark.parametrize(
    ("most", "says"), [(Budget(10 * ELEMENTS, 10**6), "elements"), (Budget(10**6, 10 * 81), "multiplications")]
)
def test_parameters_and_products_are_counted_over_all_runs(tmp_path: Path, most: Budget, says: str) -> None:
    with at_most(most):
        for _ in range(2):  # each reading has all of it
            with one_reading():
                call(tmp_path, LINEAR, 5)
                call(tmp_path, LINEAR, 5)
                with pytest.raises(TooLarge, match=f"a reading with more than [0-9,]+ {says}"):
                    call(tmp_path, LINEAR, 1)


def test_what_no_reading_asks_for_is_not_counted(tmp_path: Path) -> None:
    with at_most(Budget(1, 1)):
        call(tmp_path, LINEAR, 2)


def test_what_an_attempt_that_ended_took_is_given_back() -> None:
    def fail() -> None:
        with attempt():
            held(9)
            raise NotUnderstood("a shape that does not fit")

    with at_most(Budget(10, 1)), one_reading():
        for _ in range(3):
            with pytest.raises(NotUnderstood, match="a shape"):
                fail()
        held(10)
        with pytest.raises(TooLarge):
            held(1)


class Circle:
    """What only a collection of garbage frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize(("elements", "is_there"), [(budget.MUCH + 1, False), (1, True)])
@pytest.mark.parametrize("readings", [1, 2])
def test_what_readings_left_behind_is_freed_before_the_next_if_it_is_much(
    elements: int, is_there: bool, readings: int
) -> None:
    was = gc.isenabled()
    gc.disable()
    budget._LEFT.set(0)
    try:
        for _ in range(readings):
            with one_reading():
                held(-(-elements // readings))
                left = weakref.ref(Circle())
        assert left() is not None
        with one_reading():
            assert (left() is not None) is is_there
    finally:
        if was:
            gc.enable()
