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


def held(folder: Path, checkpoint: Path, plugin: list[str], options: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return name → shape and digest, for each rank, of the plugin's model and of vLLM's own."""
    jobs = [
        {"checkpoint": str(checkpoint), "plugin": made, "options": options, "destination": str(folder / name)}
        for name, made in (("ours", plugin), ("theirs", None))
    ]
    asked = json.dumps([[free_port(), job] for job in jobs])
    said = {**os.environ, "OMP_NUM_THREADS": "1", "VLLM_PLUGINS": ""}
    words = [str(environment().python), str(SCRIPT), str(RANKS), asked]
    done = subprocess.run(words, capture_output=True, text=True, env=said, cwd=folder, timeout=600, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return [
        [json.loads(Path(f"{job['destination']}.{rank}.json").read_text()) for rank in range(RANKS)] for job in jobs
    ]


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
    ours, theirs = ([by_layer(rank) for rank in model] for model in held(tmp_path, row.checkpoint, plugin, options))
    assert ours == theirs
    assert ours[0] != ours[1]
    if options is PIPELINE:
        assert [sorted(rank) for rank in ours] == [["0", "1", "outside"], ["2", "3", "outside"]]
