"""Patches into the engine's Python, and its answers."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.coverage.environment import environment
from tests.bench.patched.kept import lines_of
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
    patches: list[Patch],
    count: int,
    first: list[str] = FIRST,
    python: Path | None = None,
    path: Path | None = None,
    kept: Path | None = None,
) -> list[dict[str, Any]]:
    """Apply up to ``count`` patches, each in a fork of one process; return what it said first, and of each.

    ``python`` is the engine's, if no other is given; ``path`` goes in front of where that imports from. Answers are
    written to ``kept`` as they come, and what it has already is not asked again.
    """
    with TemporaryDirectory() as scratch:
        answers = kept or Path(scratch, "answers.jsonl")
        known = [line for line in lines_of(answers) if "module" in line]
        done = {(line["module"], line["path"]) for line in known}
        jobs = [{**asdict(made.target), "text": made.text, "holders": made.holders} for made in patches]
        left = [job for job in jobs if (job["module"], job["path"]) not in done]
        with answers.open("a") as out:
            ended = subprocess.run(
                [python or environment().python, SCRIPT, str(max(0, count - len(known)))],
                input=json.dumps({"first": first, "jobs": left}),
                env={**os.environ, **({"PYTHONPATH": str(path)} if path else {})},
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        if ended.returncode:
            raise RuntimeError(ended.stderr[-3000:])
        lines = lines_of(answers)
    said = [line for line in lines if "module" not in line]
    return [said[-1], *(line for line in lines if "module" in line)]
