"""Whatever an odd source makes go wrong is a reason not to carry it over, and no other answer than a hole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scaffold.source.python.errors import NotUnderstood

ERRORS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, StopIteration, SyntaxError,
    TypeError, ValueError,
)  # fmt: skip


@contextmanager
def carrying(where: str) -> Iterator[None]:
    """Turn what goes wrong meanwhile into what is not understood.

    Raises:
        NotUnderstood: something did; ``where`` is the block.
    """
    try:
        yield
    except NotUnderstood:
        raise
    except ERRORS as error:
        raise NotUnderstood(f"statements of no known form ({type(error).__name__}: {error})", where) from error
