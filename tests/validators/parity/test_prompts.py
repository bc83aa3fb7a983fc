"""The prompts: fixed, within vocabulary and length, enough of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold_validators.parity.prompts import LONGEST, NEW_TOKENS, POSITIONS, make_prompts, prompt_lengths


def test_prompts_are_the_same_each_time_and_within_the_vocabulary() -> None:
    assert make_prompts(64, 512) == make_prompts(64, 512)
    assert all(8 <= token < 64 for prompt in make_prompts(64, 512) for token in prompt)


@given(max_model_len=st.integers(NEW_TOKENS + 4, 200_000), window=st.integers(0, 200_000))
def test_they_fit_and_there_are_enough_positions(max_model_len: int, window: int) -> None:
    lengths = prompt_lengths(max_model_len, window)
    assert all(4 <= length <= max_model_len - NEW_TOKENS for length in lengths)
    assert sum(lengths) - len(lengths) >= POSITIONS


@pytest.mark.parametrize(("window", "beyond"), [(16, True), (512, True), (1024, True), (LONGEST, False)])
def test_a_window_ends_within_the_longest_prompt_where_that_is_affordable(window: int, beyond: bool) -> None:
    assert (max(prompt_lengths(8192, window)) > window + 1) is beyond


def test_a_server_that_takes_next_to_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="where at least"):
        make_prompts(64, NEW_TOKENS)
