"""ALiBi slopes: the canonical formulas, and which of them a model uses."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from scaffold.source.torch.tensors import Array


def _alibi(heads: int) -> Array:
    """Source: the ALiBi paper's own code; vllm/model_executor/models/bloom.py, ``_get_alibi_slopes``."""
    power = 2 ** math.floor(math.log2(heads))
    base = 2 ** (-(2 ** -(math.log2(power) - 3)))
    slopes = [base**i for i in range(1, power + 1)]
    if power != heads:
        extra = 2 ** (-(2 ** -(math.log2(2 * power) - 3)))
        slopes += [extra**i for i in range(1, 2 * (heads - power) + 1, 2)]
    return np.array(slopes)


SLOPES: dict[str, Callable[[int], Array]] = {"bloom": _alibi}
"""Module of vLLM whose ``_get_alibi_slopes`` gives them → the formula."""


def identify(slopes: Array) -> tuple[str, float] | None:
    """Return the row that gives these slopes and the factor between them, or None."""
    for name, formula in SLOPES.items():
        wanted = formula(len(slopes))
        factor = float(slopes[0] / wanted[0])
        if np.allclose(wanted * factor, slopes, rtol=1e-6):
            return name, factor
    return None
