"""Products of two tensors in one layout."""

from __future__ import annotations

import numpy as np
import pytest

from scaffold.probing.products import pair
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Tensor
from tests.rows import each

SIZES = {"b": 1, "h": 3, "t": 5, "s": 5, "d": 4, "g": 2}


@each(
    "equation",
    [
        "bhtd,bhsd->bhts",
        "bthd,bshd->bhts",
        "bhts,bshd->bthd",
        "bghtd,bhsd->bghts",
        "thd,shd->hts",
        "bshd,bthd->bhts",
        "bshd,bhts->bthd",
    ],
)
def test_einsum_is_a_product_of_matrices(equation: str) -> None:
    first, second, output = equation.replace("->", ",").split(",")
    rng = np.random.default_rng(0)
    left, right = (Tensor(rng.normal(size=[SIZES[letter] for letter in one])) for one in (first, second))
    result = Tensor(np.einsum(equation, left.a, right.a))
    found = pair(Operation("einsum", (equation, left, right), {}, "", result))
    assert found is not None
    one, other, product = found
    assert np.allclose(one @ other, product)
    assert product.size == result.a.size
    assert len(output) == product.ndim
    assert product.shape[-2:] == (SIZES["t"], SIZES[output[-1]])


@pytest.mark.parametrize("equation", ["bhtd,bhsd->bts", "...td,...sd->...ts", "td,sd->dts"])
def test_einsum_of_another_kind_is_none(equation: str) -> None:
    left, right = Tensor(np.ones((2, 2))), Tensor(np.ones((2, 2)))
    assert pair(Operation("einsum", (equation, left, right), {}, "", Tensor(np.ones((2, 2))))) is None
