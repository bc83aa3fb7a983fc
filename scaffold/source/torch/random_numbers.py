"""The random numbers of a run, which are bounded: sizes come from a config that nobody has checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from scaffold.source.torch.bounds import bounded, drawn
from scaffold.source.torch.budget import held
from scaffold.source.torch.ops.arguments import sizes


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
        count = int(np.prod(shape))
        self.drawn += count
        drawn(self.drawn)
        held(count)
