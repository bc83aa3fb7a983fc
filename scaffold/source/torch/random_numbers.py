"""The random numbers of a run, which are bounded: sizes come from a config that nobody has checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.ops.arguments import sizes
from scaffold.source.torch.tensors import bounded

MAX_DRAWN = 150_000_000
"""Far above what a model has at the sizes of a probe; parts that keep their real sizes reach it."""


class Random(np.random.Generator):
    """PCG64, as ``numpy.random.default_rng``, that counts before it takes memory."""

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(seed))
        self.drawn = 0

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """Draw from a normal distribution.

        Raises:
            NotUnderstood: the run has drawn too many.
        """
        self._count(size)
        return super().normal(loc, scale, size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Draw from a uniform distribution.

        Raises:
            NotUnderstood: the run has drawn too many.
        """
        self._count(size)
        return super().uniform(low, high, size)

    def _count(self, size: Any) -> None:
        shape = () if size is None else sizes((size,))
        bounded(*shape)
        self.drawn += int(np.prod(shape))
        if self.drawn > MAX_DRAWN:
            raise NotUnderstood(f"a model with more than {MAX_DRAWN:,} parameters at the sizes of a probe")
