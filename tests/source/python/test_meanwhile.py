"""A context variable has the value that it had before when a block ends, however it ends."""

from __future__ import annotations

from contextvars import ContextVar

import pytest

from scaffold.source.python.meanwhile import meanwhile

WORD: ContextVar[str] = ContextVar("word", default="usual")


def test_blocks_in_blocks_each_give_back_what_was_before() -> None:
    with meanwhile(WORD, "outer") as outer, meanwhile(WORD, "inner") as inner:
        assert (outer, inner, WORD.get()) == ("outer", "inner", "inner")
    assert WORD.get() == "usual"


def test_an_error_gives_it_back_too() -> None:
    with meanwhile(WORD, "outer"):
        with pytest.raises(ValueError, match="of the block"), meanwhile(WORD, "inner"):
            raise ValueError("of the block")
        assert WORD.get() == "outer"
    assert WORD.get() == "usual"
