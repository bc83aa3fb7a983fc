"""Pipeline and expert parallel, which the CPU engine cannot serve: ranks hold what those of vLLM's own models hold."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bench.coverage.environment import environment
from tests.bench.coverage.generate import generate
from tests.bench.coverage.rows import make_rows, rows
from tests.lab.ports import free_port

pytestmark = pytest.mark.engine
SCRIPT = Path(__file__).with_name("hold_ranks.py")
RANKS = 2
PIPELINE = {"pipeline_parallel_size": 2}
EXPERTS = {"tensor_parallel_size": 2, "enable_expert_parallel": True}


def held(folder: Path, checkpoint: Path, plugin: list[str] | None, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Return name → shape and digest, for each rank."""
    folder.mkdir()
    port, destination = str(free_port()), str(folder / "held")
    job = {"checkpoint": str(checkpoint), "plugin": plugin, "options": options, "destination": destination}
    said = {**os.environ, "OMP_NUM_THREADS": "1", "VLLM_DIST_IDENT": f"hold_{port}", "VLLM_PLUGINS": ""}
    if plugin:
        said["PYTHONPATH"] = plugin[0]  # vLLM looks at a model's class in a process of its own
    words = [str(environment().python), str(SCRIPT)]
    processes = [
        subprocess.Popen(
            [*words, str(rank), str(RANKS), port, json.dumps(job)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=said, cwd=folder,
        )
        for rank in range(RANKS)
    ]  # fmt: skip
    logs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * RANKS, "\n".join(log[-2000:] for log in logs)
    return [json.loads(Path(f"{destination}.{rank}.json").read_text()) for rank in range(RANKS)]


def by_layer(parameters: dict[str, Any]) -> dict[str, list[Any]]:
    """Return what is held by layer number, names left out: an adapter may call a block as its checkpoint does."""
    found: dict[str, list[Any]] = {}
    for name, value in parameters.items():
        number = re.search(r"layers\.(\d+)\.", name)
        found.setdefault(number.group(1) if number else "outside", []).append(value)
    return {layer: sorted(values) for layer, values in found.items()}


@pytest.mark.parametrize(
    ("name", "options"),
    [("qwen3", PIPELINE), ("mixtral", EXPERTS)],
    ids=["two pipeline stages", "experts on two ranks"],
)
def test_each_rank_holds_what_vllms_own_model_holds(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    row = rows()[name]
    make_rows([row])
    made = generate(row, environment(), tmp_path / "generated")
    assert made.plugin is not None, made.errors
    plugin = [str(made.plugin / "src"), str(made.package)]
    ours = [by_layer(rank) for rank in held(tmp_path / "ours", row.checkpoint, plugin, options)]
    theirs = [by_layer(rank) for rank in held(tmp_path / "theirs", row.checkpoint, None, options)]
    assert ours == theirs
    assert ours[0] != ours[1]
    if options is PIPELINE:
        assert [sorted(rank) for rank in ours] == [["0", "1", "outside"], ["2", "3", "outside"]]
