"""Steps of a twin in forks of one process: how each ends, and what it says. With vLLM itself: tests/engine."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaffold_validators.engine import Engine
from scaffold_validators.twin import workers as module
from scaffold_validators.twin.workers import Fresh, Warm, workers_for_many

MAKE = """
import json, os, sys, time
COUNT = []
def main():
    asked = json.load(sys.stdin)
    COUNT.append(1)
    print("made", asked["name"], len(COUNT), os.getcwd())
    print("a warning", file=sys.stderr)
    if asked["name"] == "broken":
        raise RuntimeError("no such layer")
    time.sleep(asked.get("seconds", 0))
"""
SERVE = """
import sys
def main():
    print("answered", sys.stdin.readline().strip())
    print("said in the log", file=sys.stderr)
"""


def engine(device: str = "cpu") -> Engine:
    return Engine(Path(sys.executable), Path("/nowhere/vllm/__init__.py"), None, {"vllm": "0.32.0"}, device)


@pytest.fixture
def warm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warm]:
    """Yield the forks of a process whose scripts, and whose vLLM, are those above."""
    folder = tmp_path / "scripts"
    (folder / "vllm" / "model_executor" / "models").mkdir(parents=True)
    for package in ("vllm", "vllm/model_executor", "vllm/model_executor/models"):
        (folder / package / "__init__.py").touch()
    (folder / "vllm" / "model_executor" / "models" / "registry.py").touch()
    (folder / "make_twin.py").write_text(MAKE)
    (folder / "serve_twin.py").write_text(SERVE)
    shutil.copy(module.WARM, folder)
    monkeypatch.setattr(module, "WARM", folder / module.WARM.name)
    with Warm(engine()) as started:
        yield started


def test_each_step_is_a_fork_in_its_own_folder(warm: Warm, tmp_path: Path) -> None:
    first = warm.make(engine(), tmp_path, json.dumps({"name": "first"}))
    assert (first.returncode, first.output.strip()) == (0, f"made first 1 {tmp_path}")
    assert first.errors.strip() == "a warning"
    broken = warm.make(engine(), tmp_path, json.dumps({"name": "broken"}))
    assert broken.returncode == 1
    assert broken.errors.rstrip().endswith("RuntimeError: no such layer")
    again = warm.make(engine(), tmp_path, json.dumps({"name": "again"}))
    assert again.output.strip() == f"made again 1 {tmp_path}"  # nothing of the first is left


def test_the_serving_step_says_in_the_log_what_it_says(warm: Warm, tmp_path: Path) -> None:
    log = tmp_path / "twin.log"
    log.write_text("of an earlier run\n")
    with warm.server(engine(), tmp_path, log) as ask:
        ended = ask('{"twin": 1}\n')
    assert (ended.returncode, ended.output.strip()) == (0, 'answered {"twin": 1}')
    assert log.read_text() == "said in the log\n"


def test_a_step_that_hangs_is_ended_at_its_limit(warm: Warm, tmp_path: Path) -> None:
    warm.seconds = 0.3
    assert warm.make(engine(), tmp_path, json.dumps({"name": "slow", "seconds": 600})).returncode is None
    warm.seconds = 300
    assert warm.make(engine(), tmp_path, json.dumps({"name": "next"})).returncode == 0


def test_a_process_that_has_ended_is_told(warm: Warm, tmp_path: Path) -> None:
    assert warm.make(engine(), tmp_path, json.dumps({"name": "first"})).returncode == 0
    warm._process.process.kill()
    warm._process.process.wait()
    ended = warm.make(engine(), tmp_path, json.dumps({"name": "second"}))
    assert ended.returncode != 0
    assert "has ended" in ended.errors


def test_an_npu_is_not_forked() -> None:
    with workers_for_many(engine("npu"), 9) as found:
        assert found == Fresh(9)
