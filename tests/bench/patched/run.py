"""Patches into the engine's Python, and its answers."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.coverage.environment import environment
from tests.bench.patched.sample import Patch

SCRIPT = Path(__file__).with_name("in_engine.py")
FIRST = [
    "vllm",
    "vllm.entrypoints.llm",
    "vllm.entrypoints.openai.api_server",
    "vllm.v1.engine.core",
    "vllm.v1.engine.async_llm",
    "vllm.v1.worker.cpu_worker",
    "vllm.v1.worker.gpu_model_runner",
    "vllm.v1.core.sched.scheduler",
    "vllm.model_executor.models.registry",
    "vllm.model_executor.models.llama",
    "vllm.model_executor.models.qwen2_5_vl",
    "vllm.model_executor.models.deepseek_v2",
    "vllm.model_executor.layers.fused_moe",
    "vllm.lora.model_manager",
]
"""What is imported before anything is patched, as far as this machine can."""


def applied(
    patches: list[Patch], count: int, first: list[str] = FIRST, python: Path | None = None, path: Path | None = None
) -> list[dict[str, Any]]:
    """Apply up to ``count`` patches, each in a fork of one process; return what it said first, and of each.

    ``python`` is the engine's, if no other is given; ``path`` goes in front of where that imports from.
    """
    jobs = [{**asdict(made.target), "text": made.text, "holders": made.holders} for made in patches]
    done = subprocess.run(
        [python or environment().python, SCRIPT, str(count)],
        input=json.dumps({"first": first, "jobs": jobs}),
        env={**os.environ, **({"PYTHONPATH": str(path)} if path else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return [json.loads(line) for line in done.stdout.splitlines()]
