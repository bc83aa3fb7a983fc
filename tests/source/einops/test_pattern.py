"""Patterns of einops; what they compute is compared with the real library in ``torch_cases.py``."""

from __future__ import annotations

import pytest

from scaffold.source.einops.pattern import lengths, read
from scaffold.source.python.errors import NotUnderstood
from tests.rows import each


def test_a_pattern_names_the_axes_of_both_sides() -> None:
    assert read("b (h d) 1 -> b h 1 d", 3) == ([["b"], ["h", "d"], []], [["b"], ["h"], [], ["d"]])


def test_an_ellipsis_stands_for_the_axes_that_are_left() -> None:
    left, right = read("... d -> d (...)", 3)
    assert left == [["...0"], ["...1"], ["d"]]
    assert right == [["d"], ["...0", "...1"]]


def test_one_length_of_axes_that_lie_together_is_computed() -> None:
    assert lengths([["b"], ["h", "d"]], (2, 12), {"h": 3}) == {"b": 2, "h": 3, "d": 4}


@each("pattern", ["a b", "a -> b -> c", "a b c -> a", "a-b -> a", "a " * 200 + "-> a"])
def test_what_is_no_pattern_of_the_tensor_is_a_hole(pattern: str) -> None:
    with pytest.raises(NotUnderstood, match="einops pattern"):
        read(pattern, 2)


@pytest.mark.parametrize("known", [{}, {"h": 5}, {"h": 3, "d": 3}])
def test_lengths_that_do_not_fit_are_a_hole(known: dict[str, int]) -> None:
    with pytest.raises(NotUnderstood, match="einops axes"):
        lengths([["h", "d"]], (12,), known)
