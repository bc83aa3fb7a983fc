"""A kind of mixer that is not ours, beside grouped-query attention: planned in this process, served by the engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaffold.mixers import grouped_query, table
from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.bench.coverage.environment import environment
from tests.bench.coverage.outcomes import compare
from tests.bench.coverage.server import Server
from tests.engine.test_own_code import PROMPT, TRUSTED
from tests.lab.commands import run
from tests.models import window_mean
from tests.models.around import write_around

pytestmark = pytest.mark.engine


def test_a_decoder_with_two_kinds_of_mixers_is_served(
    tmp_path: Path, vllm_source: Path, transformers_source: Path
) -> None:
    examples = {"wide": grouped_query.EXAMPLE, "mean": window_mean.EXAMPLE}
    checkpoint = write_around(tmp_path / "corvus", examples, ["mean", "wide", "mean", "wide"], num_key_value_heads=4)
    request = Request(
        checkpoint=checkpoint,
        vllm=vllm_source,
        delivery=None,
        placement=PLUGIN.name,
        output=tmp_path / "plugin",
        strategy="native",
        transformers=transformers_source,
    )
    with table.extended(window_mean):
        plan = make_plan(request)
    for path in plan.changes.paths:
        text = plan.changes.read(path)
        assert text is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    reference_file = tmp_path / "reference.json"
    run(environment().python, TRUSTED, "--reference", checkpoint, json.dumps(PROMPT), reference_file)
    reference = json.loads(reference_file.read_text())
    job = {
        "name": "corvus",
        "checkpoint": str(checkpoint),
        "prompt": PROMPT,
        "new_tokens": len(reference["greedy"]),
        "model_impl": "vllm",
        "plugin": [str(tmp_path / "plugin" / "src"), "vllm_corvus"],
    }
    with Server(environment(), tmp_path / "served", TRUSTED) as server:
        answer = server.ask(job)
    outcome = compare(reference, answer)
    assert outcome.right, answer.get("error") or outcome
