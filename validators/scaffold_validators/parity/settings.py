"""What stage parity has to know of a model and of the time that it has."""

from __future__ import annotations

from dataclasses import dataclass

LIMIT_SECONDS = 1800.0
"""How long the reference may take, if nobody says otherwise."""


@dataclass(frozen=True)
class ParitySettings:
    """What prompts and reference depend on.

    Attributes:
        window: the largest number of tokens that attention of some layers is limited to; 0 without one.
        quant_method: of the checkpoint's quantisation config; empty for plain weights.
        seconds: the reference's time limit.
    """

    window: int = 0
    quant_method: str = ""
    seconds: float = LIMIT_SECONDS
