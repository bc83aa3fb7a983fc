"""Which quantised checkpoints transformers can load as what their weights stand for: a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Dequantisation:
    """How a quantisation is undone.

    Attributes:
        method: ``quant_method`` of the checkpoint's quantisation config.
        transformers_class: the class of transformers' quantisation config that loads the weights dequantised.
        options: its arguments.
        source: the file of transformers that says so.
    """

    method: str
    transformers_class: str
    options: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


ROWS = (
    Dequantisation("fp8", "FineGrainedFP8Config", {"dequantize": True}, "quantizers/quantizer_finegrained_fp8.py"),
    Dequantisation("mxfp4", "Mxfp4Config", {"dequantize": True}, "quantizers/quantizer_mxfp4.py"),
)


def dequantisation_of(method: str) -> Dequantisation | None:
    """Return how a quantisation method is undone; None if it is not known."""
    return next((row for row in ROWS if row.method == method), None)
