"""A checkpoint whose config class is remote code, served without ``--trust-remote-code``: its code runs nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.coverage.environment import environment
from tests.bench.coverage.server import Server
from tests.bench.faults import call
from tests.models.build import write_checkpoint

pytestmark = pytest.mark.engine

PROMPT = [5, 17, 33, 2, 71, 8, 64, 90, 11, 40]


def test_a_plugin_brings_the_config_that_it_needs(tmp_path: Path) -> None:
    """Keys that the class alone completes are left out; its code would leave a file behind if it ran."""
    nova = write_checkpoint(tmp_path / "nova", head_dim=32)  # the CPU kernels take no smaller heads
    config: dict[str, Any] = json.loads((nova / "config.json").read_text())
    for key in ("rms_norm_eps", "tie_word_embeddings"):
        config.pop(key)
    (nova / "config.json").write_text(json.dumps(config))
    ran = tmp_path / "ran"
    for path in nova.glob("*.py"):
        path.write_text(path.read_text() + f"\n\nopen({str(ran)!r}, 'w').close()\n")
    plugin = tmp_path / "plugin"
    words = ("--strategy", "native", "--placement", "plugin", "--output", str(plugin), "--work", str(tmp_path))
    made = call("new-model", str(nova), *words, "--python", str(environment().python))
    assert made["code"] == 0, made["said"]
    job: dict[str, Any] = {"checkpoint": str(nova), "prompt": PROMPT, "new_tokens": 4, "model_impl": "vllm"}
    job["options"] = {"max_model_len": 64}
    with Server(environment(), tmp_path / "logs") as server:
        served = server.ask({**job, "name": "with", "plugin": [str(plugin / "src"), "vllm_nova"]})
        left_alone = server.ask({**job, "name": "without", "plugin": None})
    assert "error" not in served, served["error"]
    assert len(served["greedy"]) == 4
    assert "trust_remote_code" in left_alone["error"]  # which is what the plugin is for
    assert not ran.exists()
