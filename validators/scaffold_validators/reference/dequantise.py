"""Which quantised checkpoints have a reference: those that can be loaded as what their weights stand for. A table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dequantisation:
    """How a quantisation is undone.

    Attributes:
        method: ``quant_method`` of the checkpoint's quantisation config.
        how: what ``script.py`` does: ``blocks``, a weight times the scale of its block (``weight_scale_inv``); or
            ``four bits``, experts of MXFP4 (``*_blocks``, ``*_scales``). Neither is left to transformers, which
            computes in bfloat16 then, whatever the reference is asked for.
        source: the file that says so.
    """

    method: str
    how: str
    source: str


ROWS = (
    Dequantisation("fp8", "blocks", "vllm: model_executor/layers/quantization/fp8.py (weight_block_size)"),
    Dequantisation("mxfp4", "four bits", "transformers: integrations/mxfp4.py, convert_moe_packed_tensors"),
)


def dequantisation_of(method: str) -> Dequantisation | None:
    """Return how a quantisation method is undone; None if it is not known."""
    return next((row for row in ROWS if row.method == method), None)
