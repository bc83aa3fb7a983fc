"""Tables of sines and cosines, entry by entry."""

from __future__ import annotations

import numpy as np
import pytest

from scaffold.reading.embeddings import SINUSOIDS


@pytest.mark.parametrize("name", SINUSOIDS)
def test_sinusoids_have_sines_then_cosines_of_each_frequency(name: str) -> None:
    size, positions = 12, np.arange(5)
    steps = {"tensor2tensor": size // 2 - 1, "transformer": size // 2}[name]
    table = SINUSOIDS[name][0](positions, size)
    for j in range(size // 2):
        angles = positions * 10000.0 ** (-j / steps)
        np.testing.assert_allclose(table[:, j], np.sin(angles))
        np.testing.assert_allclose(table[:, size // 2 + j], np.cos(angles))
