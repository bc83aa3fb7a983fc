"""Statements carried over, scales on branches, odd heads and experts: served alone and on two ranks, right on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import carried
from tests.bench.coverage.environment import environment
from tests.bench.coverage.server import Server
from tests.models.odd_blocks import CARRIED, DIFFERENTIAL, OF_EXPERTS, OF_HEADS, SCALED

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(environment(), tmp_path_factory.mktemp("served"), carried.TRUSTED) as running:
        yield running


TABLES = (CARRIED, SCALED, OF_HEADS, DIFFERENTIAL, OF_EXPERTS)
SERVED = dict(pair for table in TABLES for pair in list(table.items())[1::2])
"""Every other one of each table: ``make bench-carried`` serves all of them."""


@pytest.mark.parametrize("name", SERVED)
def test_an_adapter_with_carried_statements_agrees_with_the_source(server: Server, tmp_path: Path, name: str) -> None:
    made = carried.adapted(name, SERVED[name], tmp_path)
    assert not made.hole
    carried.make_references([made])
    for ranks in carried.RANKS:
        outcome = carried.serve(made, ranks, server)
        assert outcome.right, outcome.error or outcome
