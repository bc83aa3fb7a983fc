"""vLLM 0.28 with its own, newer transformers: adapters generated for it answer as transformers does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.adapters import Adapters, adapters

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapters]:
    with adapters(tmp_path_factory.mktemp("older"), "0.28.0") as found:
        yield found


@pytest.mark.parametrize("row", ["helium", "solar_open"])
def test_an_adapter_for_vllm_0_28(served: Adapters, row: str) -> None:
    outcome = served.outcome(row)
    assert outcome.right, outcome
