"""A kind of mixer that is not ours, beside grouped-query attention: planned in this process, served by the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.mixers import grouped_query, table
from tests.bench.coverage.environment import environment
from tests.bench.coverage.server import Server
from tests.engine.own_code import TRUSTED, check_answer, reference_of, write_plugin
from tests.models import window_mean
from tests.models.around import write_around

pytestmark = pytest.mark.engine


def test_a_decoder_with_two_kinds_of_mixers_is_served(
    tmp_path: Path, vllm_source: Path, transformers_source: Path
) -> None:
    examples = {"wide": grouped_query.EXAMPLE, "mean": window_mean.EXAMPLE}
    checkpoint = write_around(tmp_path / "corvus", examples, ["mean", "wide", "mean", "wide"], num_key_value_heads=4)
    plugin = tmp_path / "plugin"
    with table.extended(window_mean):
        write_plugin(checkpoint, plugin, vllm_source, transformers_source)
    reference = reference_of(checkpoint, tmp_path)
    with Server(environment(), tmp_path / "served", TRUSTED) as server:
        check_answer(server, reference, checkpoint, plugin, "vllm_corvus")
