"""Rows that are formulas: factors of positions, ALiBi slopes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scaffold.probing.position_scales import POSITION_SCALES
from scaffold.probing.slopes import SLOPES, identify
from tests.rows import each

POSITIONS = [0, 1, 2, 3, 4, 5, 6, 7]
FACTORS = {
    "log of blocks": ((3, 0.1), [math.log(math.floor((p + 1) / 3) + 1) * 0.1 + 1 for p in POSITIONS]),
    "log of trained lengths": ((0.2, 3), [1 + 0.2 * math.log(1 + p // 3) for p in POSITIONS]),
}
"""Form → its numbers, and the factors of eight positions."""


@pytest.mark.parametrize("form", POSITION_SCALES, ids=lambda form: form.name)
def test_a_factor_of_positions(form: object) -> None:
    numbers, expected = FACTORS[form.name]  # type: ignore[attr-defined]
    np.testing.assert_allclose(form.compute(np.arange(8), *numbers), expected)  # type: ignore[attr-defined]
    assert len(form.keys) == len(numbers)  # type: ignore[attr-defined]


class Torch:
    """The functions of torch that a row's code names, on arrays."""

    log1p, floor = staticmethod(np.log1p), staticmethod(np.floor)


class Positions(np.ndarray):
    """Positions with the one method of a tensor that a row's code calls."""

    def float(self) -> np.ndarray:
        return np.asarray(self, dtype=np.float64)


@pytest.mark.parametrize("form", POSITION_SCALES, ids=lambda form: form.name)
def test_what_an_adapter_computes_is_what_was_read(form: object) -> None:
    numbers, expected = FACTORS[form.name]  # type: ignore[attr-defined]
    code = form.code.format(*map(repr, numbers))  # type: ignore[attr-defined]
    found = eval(code, {"torch": Torch, "positions": np.arange(8).view(Positions)})
    np.testing.assert_allclose(found, expected)


def published_alibi(heads: int) -> list[float]:
    """Return the slopes of https://arxiv.org/abs/2108.12409: geometric, and every other one of twice as many."""

    def geometric(count: int) -> list[float]:
        start = 2.0 ** (-8.0 / count)
        return [start ** (i + 1) for i in range(count)]

    below = 2 ** math.floor(math.log2(heads))
    return geometric(heads) if below == heads else geometric(below) + published_alibi(2 * below)[::2][: heads - below]


@each("heads", [1, 2, 4, 7, 8, 12, 16, 20, 71])
def test_alibi_slopes_are_the_published_ones(heads: int) -> None:
    np.testing.assert_allclose(SLOPES["bloom"](heads), published_alibi(heads))


@pytest.mark.parametrize("factor", [1.0, 0.25])
def test_slopes_are_found_with_the_factor_that_they_have(factor: float) -> None:
    for formula in SLOPES.values():
        found = identify(factor * formula(12))
        assert found is not None
        np.testing.assert_allclose(found[1] * SLOPES[found[0]](12), factor * formula(12))
        assert found[1] == pytest.approx(factor)


def test_other_slopes_are_none_of_the_rows() -> None:
    assert identify(np.linspace(1, 0.1, 12)) is None
    assert identify(SLOPES["bloom"](12)[::-1]) is None
