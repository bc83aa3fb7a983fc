"""Mixtures of attention heads: served alone and on two ranks, which share the KV heads or both hold the only one."""

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
from tests.engine.own_code import PROMPT, TRUSTED
from tests.lab.commands import run
from tests.mixers.test_mixture_of_heads import EXAMPLE, RIGHT
from tests.models.around import write_around

pytestmark = pytest.mark.engine
SERVED = (
    "a bias",
    "k and v in one layer",
    "a router by sigmoid, with a bias and a factor",
    "experts the other way round",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(environment(), tmp_path_factory.mktemp("served"), TRUSTED) as running:
        yield running


@pytest.mark.parametrize(("name", "kv_heads"), [*((name, 2) for name in SERVED), (SERVED[0], 1)])
def test_an_adapter_agrees_with_the_source(
    server: Server, tmp_path: Path, vllm_source: Path, transformers_source: Path, name: str, kv_heads: int
) -> None:
    replaced, _ = RIGHT[name]
    mixers, types = {"mixer": EXAMPLE}, ["mixer"] * 2
    checkpoint = write_around(
        tmp_path / "corvus", mixers, types, replaced=replaced, num_key_value_heads=kv_heads, num_attention_heads=6
    )
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
    for path in plan.changes.paths:
        text = plan.changes.read(path)
        assert text is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    reference_file = tmp_path / "reference.json"
    run(environment().python, TRUSTED, "--reference", checkpoint, json.dumps(PROMPT), reference_file)
    reference = json.loads(reference_file.read_text())
    for ranks in (1, 2):
        job = {
            "name": f"corvus-{ranks}",
            "checkpoint": str(checkpoint),
            "prompt": PROMPT,
            "new_tokens": len(reference["greedy"]),
            "model_impl": "vllm",
            "plugin": [str(tmp_path / "plugin" / "src"), "vllm_corvus"],
            "options": {"tensor_parallel_size": ranks},
        }
        answer = server.ask(job)
        outcome = compare(reference, answer)
        assert outcome.right, answer.get("error") or outcome
