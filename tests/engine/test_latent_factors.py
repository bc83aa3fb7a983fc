"""Latent attention with factors on q and on its latents: served with and without latents in the cache, and right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.bench.coverage.environment import environment
from tests.bench.coverage.outcomes import compare
from tests.bench.coverage.server import Server
from tests.engine.test_own_code import PROMPT, TRUSTED
from tests.lab.commands import run
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
    request = Request(
        checkpoint=checkpoint,
        vllm=vllm_source,
        delivery=None,
        placement=PLUGIN.name,
        output=tmp_path / "plugin",
        strategy="native",
        transformers=transformers_source,
    )
    plan = make_plan(request)
    texts = {path: plan.changes.read(path) for path in plan.changes.paths}
    for path, text in texts.items():
        assert text is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    is_cached = any("MultiHeadLatentAttentionWrapper" in str(text) for text in texts.values())
    assert is_cached is (model_type != "corvus")

    reference_file = tmp_path / "reference.json"
    run(environment().python, TRUSTED, "--reference", checkpoint, json.dumps(PROMPT), reference_file)
    reference = json.loads(reference_file.read_text())
    job = {
        "name": f"corvus-{model_type}",
        "checkpoint": str(checkpoint),
        "prompt": PROMPT,
        "new_tokens": len(reference["greedy"]),
        "model_impl": "vllm",
        "plugin": [str(tmp_path / "plugin" / "src"), f"vllm_{model_type}"],
    }
    answer = server.ask(job)
    outcome = compare(reference, answer)
    assert outcome.right, answer.get("error") or outcome
