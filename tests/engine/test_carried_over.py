"""Statements carried over, scales on branches, odd heads and experts: served alone and on two ranks, right on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.coverage.environment import environment
from tests.bench.coverage.server import Server
from tests.engine.own_code import TRUSTED, check_answer, reference_of, write_plugin
from tests.models.odd_blocks import CARRIED, DIFFERENTIAL, OF_EXPERTS, OF_HEADS, SCALED, write_odd

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(environment(), tmp_path_factory.mktemp("served"), TRUSTED) as running:
        yield running


SERVED = {**CARRIED, **SCALED, **OF_HEADS, **DIFFERENTIAL, **OF_EXPERTS}


@pytest.mark.parametrize("name", SERVED)
def test_an_adapter_with_carried_statements_agrees_with_the_source(
    server: Server, tmp_path: Path, vllm_source: Path, transformers_source: Path, name: str
) -> None:
    checkpoint = write_odd(tmp_path / "corvus", SERVED[name])
    write_plugin(checkpoint, tmp_path / "plugin", vllm_source, transformers_source)
    reference = reference_of(checkpoint, tmp_path)
    for ranks in (1, 2):
        check_answer(server, reference, checkpoint, tmp_path / "plugin", "vllm_corvus", ranks)
