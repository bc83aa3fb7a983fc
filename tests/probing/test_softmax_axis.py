"""Attention is a softmax over keys: over another axis, such as the one that PyTorch takes unasked, it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.carried.test_carried_over import holes_of
from tests.models.odd_blocks import Odd, write_odd

OVER_KEYS = "F.softmax(scores + mask, dim=-1)"


@pytest.mark.parametrize("other", [OVER_KEYS.replace("-1", "-2"), "nn.Softmax()(scores + mask)"])
def test_a_softmax_over_another_axis_is_no_attention(tmp_path: Path, other: str) -> None:
    written = write_odd(tmp_path, Odd(replaced=((OVER_KEYS, other),)), layers=1)
    assert holes_of(written) == "a softmax over another axis of the scores than that of keys"
