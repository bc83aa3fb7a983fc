"""Gates and commit from the command line, on a small server that stands in for vLLM: what is kept is what counts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scaffold_validators.stages.table import gates
from tests.cli.conftest import Answer, Desk
from tests.lab.ports import free_port
from tests.snapshots import snapshot

NAME = "good"
"""The model's name tells the stand-in how to behave."""


@pytest.fixture
def planned(desk: Desk, nova: Path, fake_engine: Path) -> Desk:
    """A desk on which the model is planned."""
    assert desk.new_model(nova, "--name", NAME, "--python", fake_engine).code == 0
    return desk


def validate(desk: Desk, nova: Path, python: Path, *words: str) -> Answer:
    roots = ("--work", desk.work, "--python", python, "--name", NAME, "--port", str(free_port()))
    return desk.call("validate", nova, *roots, "--json", *words)


def commit(desk: Desk, nova: Path) -> Answer:
    return desk.call("commit", nova, "--work", desk.work, "--name", NAME, "--accept-device", "cpu", "--json")


def kept(desk: Desk) -> list[Path]:
    return sorted((desk.work / ".scaffold" / NAME / "verdicts").iterdir())


def test_a_stage_that_passed_is_what_the_commit_rests_on(planned: Desk, nova: Path, fake_engine: Path) -> None:
    answer = validate(planned, nova, fake_engine, "--stage", "real")
    assert answer.code == 0, answer.stderr
    (verdict,) = answer.document["verdicts"]
    assert (verdict["stage"], verdict["outcome"], verdict["kind"]) == ("real", "passed", "passed")
    assert verdict["numbers"] == {"tensor_parallel_size": 1}
    made = commit(planned, nova)
    assert made.code == 0, made.stderr
    show = ["git", "log", "-1", "--format=%B", made.document["commit"]]
    message = subprocess.run(show, cwd=planned.delivery, check=True, capture_output=True, text=True).stdout
    assert "- stage B (real), tensor-parallel 1, cpu: passed, 1 request(s) answered, log clean" in message


def test_the_help_says_what_each_stage_proves(desk: Desk) -> None:
    said = " ".join(desk.call("validate", "--help").stdout.split())
    assert f"--stage [static|{'|'.join(stage.name for stage in gates())}|all]" in said
    assert [stage.name for stage in gates() if f"Stage {stage.name}: {stage.proves}." not in said] == []


def put(text: str, change: dict[str, Any]) -> str:
    document = json.loads(text)
    document["content"] |= change
    return json.dumps(document)


def test_a_verdict_that_was_changed_by_hand_signs_nothing(planned: Desk, nova: Path, fake_engine: Path) -> None:
    validate(planned, nova, fake_engine, "--stage", "dummy")
    (path,) = kept(planned)
    path.write_text(put(path.read_text(), {"stage": "real"}))
    before = snapshot(planned.delivery, without=".git")
    refused = commit(planned, nova)
    assert refused.code == 2
    assert refused.document["error"]["where"] == f"{path}, field sha256"
    assert snapshot(planned.delivery, without=".git") == before


def test_a_plan_that_does_not_fit_is_one_message_and_can_be_taken_back(planned: Desk, nova: Path) -> None:
    path = planned.work / ".scaffold" / NAME / "plan.json"
    path.write_text(put(path.read_text(), {"vllm_files": 7}))
    refused = commit(planned, nova)
    assert refused.code == 2
    assert "content.vllm_files" in refused.document["error"]["found"]
    assert planned.call("undo", "--work", planned.work).code == 0
    assert not path.exists()


def test_a_reference_that_answers_something_else_is_no_reference(planned: Desk, nova: Path, fake_engine: Path) -> None:
    answer = validate(planned, nova, fake_engine, "--stage", "parity")
    assert answer.code == 3
    assert "the reference run answered something else" in answer.document["error"]["found"]
    assert not (planned.work / ".scaffold" / NAME / "verdicts").exists()
