"""Examples are the same in each process, whatever it has imported."""

from __future__ import annotations

import pytest
from hypothesis.internal.conjecture import providers

from tests.drawn import NEW


@pytest.mark.skipif(bool(NEW), reason="new examples may be of any value")
@pytest.mark.skipif(not hasattr(providers, "_get_local_constants"), reason="Hypothesis draws no constants of modules")
def test_no_constant_of_an_imported_module_is_drawn() -> None:
    found = providers._get_local_constants()
    assert [list(values) for values in (found.integers, found.floats, found.strings, found.bytes)] == [[], [], [], []]
