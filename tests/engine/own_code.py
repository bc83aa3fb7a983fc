"""A checkpoint with code of its own: an adapter, planned in this process, and whether it answers what the code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.bench.coverage.environment import environment
from tests.bench.coverage.outcomes import compare
from tests.bench.coverage.server import Server
from tests.lab.commands import run

TRUSTED = Path(__file__).parent / "trusted.py"
PROMPT = [(7 * i * i + 31 * i + 5) % 509 + 3 for i in range(40)]
"""Longer than the windows of the models."""


def write_plugin(checkpoint: Path, plugin: Path, vllm: Path, transformers: Path) -> str:
    """Write a plugin with a checkpoint's adapter, and return the text of all its files."""
    request = Request(
        checkpoint=checkpoint,
        vllm=vllm,
        delivery=None,
        placement=PLUGIN.name,
        output=plugin,
        strategy="native",
        transformers=transformers,
    )
    changes = make_plan(request).changes
    texts = []
    for path in changes.paths:
        text = changes.read(path)
        assert text is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        texts.append(text)
    return "\n".join(texts)


def reference_of(checkpoint: Path, folder: Path, **env: str) -> dict[str, Any]:
    """Return what transformers answers, which runs the checkpoint's code with some environment variables more."""
    file = folder / "reference.json"
    run(environment().python, TRUSTED, "--reference", checkpoint, json.dumps(PROMPT), file, env=env)
    reference: dict[str, Any] = json.loads(file.read_text())
    return reference


def check_answer(
    server: Server, reference: dict[str, Any], checkpoint: Path, plugin: Path, package: str, ranks: int | None = None
) -> None:
    """Check that a plugin answers what the checkpoint's code does."""
    job = {
        "name": f"{checkpoint.name}-{package}-{ranks or 1}",
        "checkpoint": str(checkpoint),
        "prompt": PROMPT,
        "new_tokens": len(reference["greedy"]),
        "model_impl": "vllm",
        "plugin": [str(plugin / "src"), package],
        **({} if ranks is None else {"options": {"tensor_parallel_size": ranks}}),
    }
    answer = server.ask(job)
    outcome = compare(reference, answer)
    assert outcome.right, answer.get("error") or outcome
