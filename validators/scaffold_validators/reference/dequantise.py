"""Which quantised checkpoints have a reference: those that can be loaded as what their weights stand for. A table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dequantisation:
    """How a quantisation is undone.

    Attributes:
        method: ``quant_method`` of the checkpoint's quantisation config.
        how: what ``script.py`` does: ``blocks``, a weight times the scale of its block (``weight_scale_inv``), or the
            name of the class of transformers' quantisation config that does it with ``dequantize=True``.
        source: the file that says so.
    """

    method: str
    how: str
    source: str


ROWS = (
    Dequantisation("fp8", "blocks", "vllm: model_executor/layers/quantization/fp8.py (weight_block_size)"),
    Dequantisation("mxfp4", "Mxfp4Config", "transformers: quantizers/quantizer_mxfp4.py"),
)


def dequantisation_of(method: str) -> Dequantisation | None:
    """Return how a quantisation method is undone; None if it is not known."""
    return next((row for row in ROWS if row.method == method), None)
