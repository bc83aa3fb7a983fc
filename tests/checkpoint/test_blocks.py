"""Blocks of fp8 scales and shards of tensor parallelism: what runs at which size."""

from __future__ import annotations

import pytest

from scaffold.checkpoint.blocks import facts, refused
from scaffold.checkpoint.patterns import Pattern

CONFIG = {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}


def of(size: int, module: str = "mlp.experts.*") -> list[tuple[str, str]]:
    names = (("gate_proj", (size, 128)), ("up_proj", (size, 128)), ("down_proj", (128, size)))
    held = [Pattern(f"model.layers.*.{module}.{name}.weight", "F8_E4M3", shape, 8, 1) for name, shape in names]
    return [(fact.name, fact.value) for fact in facts(CONFIG, held)]


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (320, "128 × 128 over an inner size of 320, the last block ragged: not at 1, 2, 4, 8, 16, where a rank's part "
              "is no whole blocks; dequantised at load, any size runs that divides"),
        (384, "128 × 128 over an inner size of 384: vLLM's fp8 layers run at tensor-parallel size 1; not at 2, 4, 8, "
              "16, where a rank's part is no whole blocks; dequantised at load, any size runs that divides"),
        (2048, "128 × 128 over an inner size of 2,048: vLLM's fp8 layers run at tensor-parallel size 1, 2, 4, 8, 16"),
    ],
)  # fmt: skip
def test_what_runs_at_which_size(size: int, says: str) -> None:
    assert of(size) == [("blocks of experts", says)]
    assert of(size, "mlp") == [("blocks of MLPs", says)]


def test_a_border_inside_of_a_block() -> None:
    assert not refused(256, (128, 128), 2)
    assert refused(256, (128, 128), 4)
    assert refused(256, (64, 128), 4)


def test_no_blocks_no_fact() -> None:
    assert list(facts({}, [Pattern("a.gate_proj.weight", "F8_E4M3", (320, 128), 1, 1)])) == []
    assert list(facts(CONFIG, [Pattern("a.gate_proj.weight", "BF16", (320, 128), 1, 1)])) == []
