"""Latent attention with factors on q and on its latents: served with and without latents in the cache, and right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.coverage.environment import environment
from tests.bench.coverage.server import Server
from tests.engine.own_code import TRUSTED, check_answer, reference_of, write_plugin
from tests.models.scaled_latents import WITH_Q_LATENT, WITHOUT_Q_LATENT, write_scaled

pytestmark = pytest.mark.engine

SIZES = {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 32, "v_head_dim": 64}
"""Of the kind that the CPU engine has a kernel for."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(environment(), tmp_path_factory.mktemp("served"), TRUSTED) as running:
        yield running


@pytest.mark.parametrize("model_type", ["corvus", "pangu_ultra_moe"], ids=["plain", "cached"])
@pytest.mark.parametrize("replaced", [WITHOUT_Q_LATENT, WITH_Q_LATENT], ids=["q", "q latent"])
def test_an_adapter_of_scaled_latents_agrees_with_the_source(
    server: Server,
    tmp_path: Path,
    vllm_source: Path,
    transformers_source: Path,
    replaced: tuple[tuple[str, str], ...],
    model_type: str,
) -> None:
    checkpoint = write_scaled(tmp_path / "corvus", replaced, model_type, **SIZES)
    plugin = tmp_path / "plugin"
    text = write_plugin(checkpoint, plugin, vllm_source, transformers_source)
    assert ("MultiHeadLatentAttentionWrapper" in text) is (model_type != "corvus"), "latents in the cache"
    check_answer(server, reference_of(checkpoint, tmp_path), checkpoint, plugin, f"vllm_{model_type}")
