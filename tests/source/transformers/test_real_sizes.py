"""Which of the checkpoint's sizes a size of a probe's tensors stands for: one of the config's, or one made of them."""

from __future__ import annotations

import pytest

from scaffold.source.transformers.real_sizes import real_sizes
from tests.rows import each

SMALL = {"hidden_size": 48, "num_heads": 6, "num_kv_heads": 3, "head_dim": 10, "num_layers": 5, "rope": {"factor": 11}}
STATED = {
    "hidden_size": 4096,
    "num_heads": 32,
    "num_kv_heads": 8,
    "head_dim": 128,
    "num_layers": 5,
    "rope": {"factor": 13},
}


@each(
    ("size", "real"),
    [
        pytest.param(48, 4096, id="of the config"),
        pytest.param(11, 13, id="of a config inside"),
        pytest.param(5, 5, id="the same at both sizes"),
        pytest.param(60, 4096, id="heads times the size of one"),
        pytest.param(96, 8192, id="the double of the width"),
        pytest.param(8, 128, id="a head's share of the width"),
        pytest.param(120, 6144, id="rows of q, k and v in one projection"),
    ],
)
def test_a_size_stands_for_that_of_the_checkpoint(size, real):
    assert real_sizes(SMALL, STATED)[size] == real


def test_a_size_that_may_stand_for_two_stands_for_none():
    assert 6 not in real_sizes({**SMALL, "num_experts": 6}, {**STATED, "num_experts": 64})


def test_switches_and_small_counts_are_no_sizes():
    assert real_sizes({"use_bias": True, "top_k": 2}, {"use_bias": True, "top_k": 8}) == {}
