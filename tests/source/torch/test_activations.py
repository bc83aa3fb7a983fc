"""Activations are their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.source.torch.layers import ACTIVATIONS
from scaffold.source.torch.tensors import Tensor


def tanh_gelu(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x: float) -> float:
    return x / (1 + math.exp(-x))


PLAIN = {
    "silu": silu,
    "swish": silu,
    "gelu": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "gelu_new": tanh_gelu,
    "gelu_fast": tanh_gelu,
    "gelu_pytorch_tanh": tanh_gelu,
    "quick_gelu": lambda x: x / (1 + math.exp(-1.702 * x)),
    "relu": lambda x: max(x, 0.0),
    "relu2": lambda x: max(x, 0.0) ** 2,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
}
"""``hidden_act`` → its formula."""


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(x=st.floats(-8, 8))
def test_an_activation(name: str, x: float) -> None:
    assert ACTIVATIONS[name](Tensor(np.array([x]))).a[0] == pytest.approx(PLAIN[name](x), rel=1e-9, abs=1e-12)
