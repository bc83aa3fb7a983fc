"""What one reading may take in all its runs together: memory for tensors, and multiplications.

A run has bounds of its own (`bounds`). A reading holds two runs and more at once, and one of a model that is only
compared with the checkpoint's is to cost less than that of the checkpoint's own.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.meanwhile import meanwhile

MUCH = 4_000_000
"""Elements after which it is worth a look what readings have left behind: records of a run are circles of objects."""


@dataclass(frozen=True)
class Budget:
    """What a reading may take.

    Attributes:
        elements: of all tensors, eight bytes each: parameters that are drawn, and what runs keep on record.
        products: multiplications of matrix products; some two billion take a second.
    """

    elements: int
    products: int


OWN = Budget(elements=40_000_000, products=20_000_000_000)
"""Of the checkpoint's own model: less than half a gigabyte."""
COMPARED = Budget(elements=25_000_000, products=2_000_000_000)
"""Of a model that somebody may want to know the differences to."""


class TooLarge(NotUnderstood):
    """A reading would take more than its budget."""


@dataclass
class _Spent:
    budget: Budget
    elements: int = 0
    products: int = 0


_BUDGET: ContextVar[Budget] = ContextVar("budget", default=OWN)
_SPENT: ContextVar[_Spent | None] = ContextVar("spent", default=None)
_LEFT: ContextVar[int] = ContextVar("left", default=0)


def at_most(budget: Budget) -> AbstractContextManager[Budget]:
    """Give readings meanwhile this budget each."""
    return meanwhile(_BUDGET, budget)


@contextmanager
def one_reading() -> Iterator[None]:
    """Measure together what runs take meanwhile. What readings before left behind is freed first, if it is much."""
    if _LEFT.get() > MUCH:
        gc.collect(1)
        _LEFT.set(0)
    spent = _Spent(_BUDGET.get())
    try:
        with meanwhile(_SPENT, spent):
            yield
    finally:
        _LEFT.set(_LEFT.get() + spent.elements)


@contextmanager
def attempt() -> Iterator[None]:
    """Take back what was counted meanwhile if that ends in an error: it is freed."""
    spent = _SPENT.get()
    before = spent.elements if spent is not None else 0
    try:
        yield
    except NotUnderstood:
        if spent is not None:
            spent.elements = before
        raise


def held(elements: int) -> None:
    """Count elements of tensors that stay until the reading ends.

    Raises:
        TooLarge: there are more than the reading may have.
    """
    spent = _SPENT.get()
    if spent is not None:
        spent.elements += elements
        if spent.elements > spent.budget.elements:
            raise TooLarge(f"a reading with more than {spent.budget.elements:,} elements in its tensors")


def multiplied(products: int) -> None:
    """Count the multiplications of a matrix product.

    Raises:
        TooLarge: there are more than the reading may have.
    """
    spent = _SPENT.get()
    if spent is not None:
        spent.products += products
        if spent.products > spent.budget.products:
            raise TooLarge(f"a reading with more than {spent.budget.products:,} multiplications")
