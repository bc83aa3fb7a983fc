"""Conditions at the top level of a file that are not understood, where what a name means depends on them.

Such a source has a body for each answer. A reading is carried out with both, and what differs is a hole.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass

from scaffold.source.python.meanwhile import meanwhile


@dataclass
class Untold:
    """How conditions that are not understood come out meanwhile.

    Attributes:
        answer: of all of them.
        where: file and lines of the first one; empty if there was none.
    """

    answer: bool
    where: str = ""


_UNTOLD: ContextVar[Untold | None] = ContextVar("untold", default=None)


def answered(answer: bool) -> AbstractContextManager[Untold]:
    """Let all conditions that are not understood come out in one way meanwhile."""
    return meanwhile(_UNTOLD, Untold(answer))


def comes_out(wanted: bool, where: str) -> bool:
    """Return whether a condition that is not understood comes out as wanted, and note it; so it does by default."""
    untold = _UNTOLD.get()
    if untold is None:
        return True
    untold.where = untold.where or where
    return untold.answer is wanted
