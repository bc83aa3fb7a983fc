"""Blocks that share a scale, and the shards of tensor parallelism: cases where a rank border is inside a block.

vLLM's fp8 layers require shards of whole blocks: ``validate_fp8_block_shape`` and ``validate_fp8_block_shape_moe`` in
vllm/model_executor/layers/quantization/utils/fp8_utils.py (fp8.py in older releases). A weight that is dequantised
at load, as in adapters for Ascend, has no such limit: its last block may be ragged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.patterns import Pattern
from scaffold.checkpoint.quantization import FP8

RANKS = (1, 2, 4, 8, 16)
UP, DOWN = ("gate_proj", "up_proj", "w1", "w3"), ("down_proj", "w2")
FORMAT = "quantization_config.weight_block_size"


def facts(config: Mapping[str, Any], patterns: Sequence[Pattern]) -> Iterator[Fact]:
    """Yield a fact for the inner size of MLPs, and of experts, if their weights have scales for blocks."""
    described = config.get("quantization_config")
    block = described.get("weight_block_size") if isinstance(described, Mapping) else None
    if not (isinstance(block, list) and len(block) == 2 and all(type(n) is int and n > 0 for n in block)):
        return
    for what, size, pattern in _inner_sizes(patterns):
        fits = [tp for tp in RANKS if size % tp == 0 and not refused(size, block, tp)]
        lacks = [tp for tp in RANKS if tp not in fits]
        value = f"{block[0]} × {block[1]} over an inner size of {size:,}"
        value += ", the last block ragged" if size % block[0] or size % block[1] else ""
        value += f": vLLM's fp8 layers run at tensor-parallel size {_listed(fits)}" if fits else ""
        if lacks:
            value += f"{';' if fits else ':'} not at {_listed(lacks)}, where a rank's part is no whole blocks"
        value += "" if not lacks else "; dequantised at load, any size runs that divides"
        yield Fact(f"blocks of {what}", value, (Evidence("config", FORMAT, str(block)), Evidence("tensor", pattern)))


def refused(size: int, block: Sequence[int], tp: int) -> bool:
    """Return whether vLLM's fp8 layers refuse an inner size at a tensor-parallel size that divides it.

    Gate and up are one parameter, so gate has to end at a block border even on a single rank.
    """
    share = size // tp
    return share % block[0] != 0 or (tp > 1 and share % block[1] != 0)


def _inner_sizes(patterns: Sequence[Pattern]) -> Iterator[tuple[str, int, str]]:
    seen = set()
    for pattern in patterns:
        parts = pattern.name.split(".")
        if pattern.dtype not in FP8 or len(pattern.shape) != 2 or parts[-1] != "weight" or parts[-2:-1] == []:
            continue
        size = pattern.shape[0] if parts[-2] in UP else pattern.shape[1] if parts[-2] in DOWN else None
        what = "experts" if "experts" in parts else "MLPs"
        if size and (what, size) not in seen:
            seen.add((what, size))
            yield what, size, pattern.name


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes))
