"""What counts as agreement: numbers in, verdict out."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from scaffold_validators.outcome import Outcome
from scaffold_validators.parity.judge import (
    EXACT,
    FACTOR,
    FLOORS,
    Answered,
    Comparison,
    Referred,
    compare,
    quantile,
)

PROMPT = tuple(range(3, 503))
GENERATED = tuple(range(20, 40))
PLACES = len(PROMPT) + len(GENERATED) - 1
TRUE = tuple(-0.01 * n for n in range(PLACES))
SURE = 3.0


def noisy(scale: float, seed: int) -> tuple[float, ...]:
    """Return the true numbers with the noise of a dtype on them."""
    rng = random.Random(seed)
    return tuple(value + rng.gauss(0.0, scale) for value in TRUE)


def referred(logprobs: tuple[float, ...], margin: float = SURE) -> Referred:
    """Return a reference whose greedy tokens are those that were generated."""
    best = (*(0 for _ in PROMPT[1:]), *GENERATED)
    return Referred(logprobs, best, (margin,) * PLACES)


def judged(
    server: tuple[float, ...],
    generated: tuple[int, ...] = GENERATED,
    own: tuple[float, ...] | None = None,
    margin: float = SURE,
) -> Comparison:
    said = Answered(PROMPT, generated, server)
    beside = None if own is None else [referred(own)]
    return compare([said], [referred(TRUE, margin)], beside, EXACT if own is None else "bfloat16")


ROUNDED = noisy(0.1, seed=1)
"""The reference in bfloat16: off by 0.07 in the median, by 0.2 in the 95th percentile."""


def test_the_same_numbers_hold_in_float32() -> None:
    found = judged(TRUE)
    assert found.holds
    assert found.conclusion.outcome is Outcome.PASSED
    assert (found.positions, found.counted, found.agreeing) == (PLACES, 20, 20)


def test_float32_takes_no_noise_of_bfloat16() -> None:
    assert not judged(ROUNDED).holds
    assert judged(tuple(value + 5e-5 for value in TRUE)).holds
    assert not judged(tuple(value + 2e-4 for value in TRUE)).holds  # beyond the median's floor
    few_far = tuple(value - (0.01 if n % 15 == 0 else 0.0) for n, value in enumerate(TRUE))
    assert not judged(few_far).holds  # one of fifteen: beyond the 95th percentile's


def test_a_server_as_far_off_as_the_reference_in_its_dtype_passes() -> None:
    found = judged(noisy(0.1, seed=2), own=ROUNDED)
    assert found.holds, found.reason
    assert found.limits["median"] == pytest.approx(FACTOR * found.reference["median"])


def test_the_factor_lies_between_what_is_right_and_the_smallest_fault_that_was_found() -> None:
    assert 1.24 < FACTOR < 1.63  # docs/parity.md


def test_a_server_further_off_than_the_factor_is_wrong() -> None:
    found = judged(noisy(0.1 * (FACTOR + 0.3), seed=2), own=ROUNDED)
    assert found.conclusion.outcome is Outcome.WRONG_OUTPUT


def test_far_off_in_a_tenth_of_the_places_is_wrong_though_the_median_holds() -> None:
    server = tuple(value + (5.0 if n % 10 == 0 else 0.0) for n, value in enumerate(noisy(0.1, seed=2)))
    found = judged(server, own=ROUNDED)
    assert found.server["median"] <= found.limits["median"]
    assert not found.holds


def test_one_place_far_off_is_no_fault_in_bfloat16() -> None:
    server = list(noisy(0.1, seed=2))
    server[7] += 9.0  # as where a router chooses another expert
    assert judged(tuple(server), own=ROUNDED).holds


def test_another_greedy_token_counts_only_where_the_reference_is_sure() -> None:
    other = (*GENERATED[:5], 99, *GENERATED[6:])
    assert not judged(TRUE, other).holds
    unsure = judged(TRUE, other, margin=FLOORS["p95"])
    assert (unsure.counted, unsure.holds) == (0, True)
    unsure = judged(noisy(0.1, seed=2), (99,) * len(GENERATED), own=ROUNDED, margin=0.1)
    assert (unsure.counted, unsure.holds) == (0, True)


def test_one_of_twenty_sure_greedy_tokens_may_be_another_in_bfloat16_and_none_in_float32() -> None:
    one = (*GENERATED[:5], 99, *GENERATED[6:])
    two = (98, *one[1:])
    server = noisy(0.1, seed=2)
    assert [judged(server, said, own=ROUNDED).holds for said in (GENERATED, one, two)] == [True, True, False]
    assert [judged(TRUE, said).holds for said in (GENERATED, one)] == [True, False]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_never_holds(number: float) -> None:
    found = judged((number, *TRUE[1:]), own=ROUNDED)
    assert not found.holds
    assert found.numbers()["server"] == {"median": None, "p95": None, "largest": None}
    broken_reference = judged(TRUE, own=(number, *TRUE[1:]))
    assert not broken_reference.holds


def test_too_few_numbers_are_an_error() -> None:
    with pytest.raises(ValueError, match="log probabilities"):
        judged(TRUE[:-1])


def test_nothing_compared_never_holds() -> None:
    found = replace(judged(TRUE), positions=0)
    assert not found.holds
    assert not compare([], [], None, EXACT).holds


def test_a_quantile_is_one_of_the_numbers() -> None:
    assert [quantile([1.0, 2.0, 3.0, 4.0], share) for share in (0.5, 0.95, 1.0)] == [2.0, 4.0, 4.0]
    assert quantile([7.0], 0.5) == 7.0
