"""Mixtures of attention heads: served alone and on two ranks, which share the KV heads or both hold the only one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.coverage.environment import environment
from tests.bench.coverage.server import Server
from tests.engine.own_code import TRUSTED, check_answer, reference_of, write_plugin
from tests.mixers.test_mixture_of_heads import EXAMPLE, RIGHT
from tests.models.around import write_around

pytestmark = pytest.mark.engine
SERVED = (("a bias", 1), ("a router by sigmoid, with a bias and a factor", 2))
"""Of forms that are right, and KV heads: ranks share the only one, or each has one."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(environment(), tmp_path_factory.mktemp("served"), TRUSTED) as running:
        yield running


@pytest.mark.parametrize(("name", "kv_heads"), SERVED)
def test_an_adapter_agrees_with_the_source(
    server: Server, tmp_path: Path, vllm_source: Path, transformers_source: Path, name: str, kv_heads: int
) -> None:
    replaced, _ = RIGHT[name]
    mixers, types = {"mixer": EXAMPLE}, ["mixer"] * 2
    checkpoint = write_around(
        tmp_path / "corvus", mixers, types, replaced=replaced, num_key_value_heads=kv_heads, num_attention_heads=6
    )
    write_plugin(checkpoint, tmp_path / "plugin", vllm_source, transformers_source)
    reference = reference_of(checkpoint, tmp_path)
    for ranks in (1, 2):
        check_answer(server, reference, checkpoint, tmp_path / "plugin", "vllm_corvus", ranks)
