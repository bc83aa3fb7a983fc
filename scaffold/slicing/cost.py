"""What a reference run of a checkpoint costs: bytes of memory, and seconds, roughly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.read import Checkpoint
from scaffold.slicing.layers import Layers
from scaffold.slicing.value import slice_of
from scaffold.vocabulary.lookup import value_of

BYTES = 4
"""Of a weight in the reference's float32; it is loaded in the server's dtype after that, not beside it."""
OVERHEAD = 1.15
"""Activations, the interpreter, and what loading holds twice."""
TOKENS = 1300
"""That go through it in each dtype: see ``parity/prompts.py``."""
RUNS = 2
WEIGHTS_PER_CORE_SECOND = 4e9
"""Multiplications of a weight with a token's value: half of what one core with AVX2 did of float32 in a second."""
HELD_TWICE = frozenset({"F8_E4M3", "F8_E5M2"})
"""Data types of weights that are dequantised one and all before the model takes them."""
PACKED = {"U8": 2, "I32": 8}
"""Data type → weights of four bits that one number of it holds: see ``weights/packed.py``."""
BYTES_PER_SECOND = 2e8
"""That a checkpoint is read with, converted and laid out."""


@dataclass(frozen=True)
class Means:
    """What a reference may use: bytes of memory, cores, seconds."""

    memory: int
    cores: int
    seconds: float


@dataclass(frozen=True)
class Cost:
    """What a reference run takes."""

    memory: int
    seconds: float

    def fits(self, means: Means) -> bool:
        """Return whether there is as much."""
        return self.memory <= means.memory and self.seconds <= means.seconds


def cost_of(checkpoint: Checkpoint, cores: int) -> Cost:
    """Return what a reference run of a checkpoint, or of a slice of one, takes."""
    routed = _share_of_experts(checkpoint)
    elements = touched = 0.0
    for name, form in checkpoint.weights.forms.items():
        own = _elements(form)
        elements += own * (2 if form.dtype in HELD_TWICE else 1)
        touched += own * (routed if ".experts." in name else 1.0)
    size = sum(form.num_bytes for form in checkpoint.weights.forms.values())
    seconds = RUNS * (size / BYTES_PER_SECOND + touched * TOKENS / (WEIGHTS_PER_CORE_SECOND * cores))
    return Cost(int(elements * BYTES * OVERHEAD), seconds)


def largest_fitting(checkpoint: Checkpoint, layers: Layers, means: Means) -> int:
    """Return how many layers a slice may have, so that its reference fits; 0 if not even all kinds of them do."""

    def fits(count: int) -> bool:
        return cost_of(slice_of(checkpoint, layers, count), means.cores).fits(means)

    return last_true(layers.least, layers.count, fits)


def last_true(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the largest number up to ``high`` of which something holds that holds of all below it; 0 if of none."""
    if not holds(low):
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _elements(form: Form) -> float:
    """Return the weights that a tensor stands for: where several are packed into a number, as many of them."""
    return math.prod(form.shape) * PACKED.get(form.dtype, 1)


def _share_of_experts(checkpoint: Checkpoint) -> float:
    experts, chosen = (value_of(role, checkpoint.text_config) for role in ("num_experts", "top_k"))
    known = type(experts) is int and type(chosen) is int and 0 < chosen <= experts
    return chosen / experts if known else 1.0
