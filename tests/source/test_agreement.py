"""The interpreter computes what PyTorch computes: whole models, in float64, to the order of sums.

A few architectures that differ in kind; ``make bench-source`` runs all.
"""

from __future__ import annotations

import pytest

from tests.bench.source.compare import compare
from tests.bench.source.rows import make_references, rows

ROWS = ["llama@llama3", "gpt2", "bloom", "falcon", "gemma2", "mixtral", "gpt_oss", "deepseek_v3", "jetmoe", "lfm2_moe"]


@pytest.mark.engine
@pytest.mark.parametrize("name", ROWS)
def test_the_logits_are_those_of_pytorch(name: str) -> None:
    row = rows()[name]
    make_references([row])
    result = compare(row)
    assert result.hole == ""
    assert result.agrees, f"the logits differ by {result.difference:.1e}"
