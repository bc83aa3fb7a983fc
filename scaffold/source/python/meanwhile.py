"""A context variable that is set for the length of a ``with`` block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def meanwhile(variable: ContextVar[T] | ContextVar[T | None], value: T) -> Iterator[T]:
    """Set a variable, and give it the value that it had before when the block ends, by an error, too."""
    token: Any = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)
