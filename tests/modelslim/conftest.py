"""What the tests of this folder leave behind: nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.modelslim.folders import take_away


@pytest.fixture(scope="session", autouse=True)
def _no_folder_stays() -> Iterator[None]:
    yield
    take_away()
