"""What one way of serving a checkpoint came to, against what transformers answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOLERANCE = 1e-3
"""Largest difference of a log probability in float32; right implementations agree to about 1e-5."""


@dataclass(frozen=True)
class Outcome:
    """What came back.

    Attributes:
        difference: the largest of a log probability over the prompt; None if nothing was answered.
        shims: what stood in for kernels of the engine that answer wrongly.
    """

    difference: float | None
    greedy: int
    asked: int
    error: str
    seconds: float
    shims: tuple[str, ...] = ()

    @property
    def loaded(self) -> bool:
        """Return whether it was served at all."""
        return self.difference is not None

    @property
    def right(self) -> bool:
        """Return whether it computes what transformers computes."""
        return self.difference is not None and self.difference <= TOLERANCE and self.greedy == self.asked

    @property
    def word(self) -> str:
        """Return how the table says it."""
        if self.difference is None:
            return "fails"
        return "right" if self.right else f"wrong ({self.difference:.0e}, {self.greedy}/{self.asked})"


NOT_SERVED = Outcome(None, 0, 0, "", 0.0)


def compare(reference: Mapping[str, Any], answer: Mapping[str, Any]) -> Outcome:
    """Compare an answer of ``serve.py`` with the reference, token by token."""
    asked = len(reference["greedy"])
    if "error" in answer:
        return Outcome(None, 0, asked, _why(answer), answer["seconds"])
    pairs = list(zip(reference["logprobs"], answer["logprobs"], strict=True))
    same = 0
    for expected, found in zip(reference["greedy"], answer["greedy"], strict=True):
        if expected != found:
            break
        same += 1
    difference = max((abs(a - b) for a, b in pairs), default=0.0)
    if difference != difference:  # NaN compares as nothing at all
        difference = float("inf")
    return Outcome(difference, same, asked, "", answer["seconds"], tuple(answer.get("shims", ())))


def _why(answer: Mapping[str, Any]) -> str:
    """Return the error, and the last lines of the log before it."""
    log = Path(answer["log"])
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    telling = [line for line in lines if re.search(r"Error|error:|assert|Unsupported|not supported", line)]
    return "\n".join([answer["error"], *telling[-4:], "", *lines[-25:]])
