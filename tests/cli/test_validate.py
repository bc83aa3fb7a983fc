"""Gates and commit from the command line, on a small server that stands in for vLLM: what is kept is what counts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scaffold.evidence.gather import gather
from scaffold.evidence.workspace import Workspace
from scaffold.running.adaptation import keep_twin
from scaffold.slicing.cost import Means
from scaffold_validators.stages.table import gates
from tests.cli.conftest import Answer, Desk
from tests.lab.ports import free_port
from tests.sampled import costly
from tests.snapshots import snapshot
from tests.verdicts import make_verdict

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


def commit(desk: Desk, nova: Path, *words: str) -> Answer:
    roots = ("--work", desk.work, "--name", NAME, "--accept-device", "cpu")
    reasons = ("--accuracy-pending", "a stand-in", "--without", "features", "a stand-in")
    return desk.call("commit", nova, *roots, *reasons, "--without", "capacity", "a stand-in", "--json", *words)


def message_of(desk: Desk, made: Answer) -> str:
    show = ["git", "log", "-1", "--format=%B", made.document["commit"]]
    return subprocess.run(show, cwd=desk.delivery, check=True, capture_output=True, text=True).stdout


def kept(desk: Desk) -> list[Path]:
    return sorted((desk.work / ".scaffold" / NAME / "verdicts").iterdir())


def test_a_stage_that_passed_is_what_the_commit_rests_on(planned: Desk, nova: Path, fake_engine: Path) -> None:
    answer = validate(planned, nova, fake_engine, "--stage", "real")
    assert answer.code == 0, answer.stderr
    (verdict,) = answer.document["verdicts"]
    assert (verdict["stage"], verdict["outcome"], verdict["kind"]) == ("real", "passed", "passed")
    assert verdict["numbers"]["tensor_parallel_size"] == 1
    assert (verdict["numbers"]["requests"], verdict["numbers"]["at_once"]["requests"]) == (1, 8)
    assert verdict["numbers"]["at_once"]["finish_reasons"] == ["stop"] * 8
    refused = commit(planned, nova)
    assert refused.code == 1
    assert refused.document["error"]["found"] == "parity: parity with the reference was not shown"
    reason = "the reference takes 1.3 TB\nof memory"
    made = commit(planned, nova, "--without-parity", reason)
    assert made.code == 0, made.stderr
    assert made.document["without_parity"] == " ".join(reason.split())
    message = message_of(planned, made)
    assert "- stage B (real), tensor-parallel 1, cpu: passed, 1 request answered, log clean (record sha256 " in message
    assert "Parity with the reference was not shown: the reference takes 1.3 TB of memory\n" in message
    tutorial = (planned.delivery / "docs/source/tutorials/models" / f"{NAME}.md").read_text()
    assert "| parity | – | – | not shown: the reference takes 1.3 TB of memory |" in tutorial


@costly
def test_parity_that_was_shown_needs_no_reason_and_has_none(desk: Desk, nova: Path, referred_engine: Path) -> None:
    assert desk.new_model(nova, "--name", NAME, "--python", referred_engine).code == 0
    answer = validate(desk, nova, referred_engine, "--stage", "parity")
    assert answer.code == 0, answer.stderr
    assert [verdict["outcome"] for verdict in answer.document["verdicts"]] == ["passed", "passed"]
    made = commit(desk, nova, "--without-parity", "not needed")
    assert made.code == 0, made.stderr
    message = message_of(desk, made)
    assert "- stage P (parity with transformers), tensor-parallel 1, cpu: passed, bfloat16 log probabil" in message
    assert "not needed" not in message


def test_two_stages_in_a_call_are_not_taken_for_the_last_one(desk: Desk, nova: Path) -> None:
    answer = desk.call("validate", nova, "--stage", "dummy", "--stage", "real")
    assert answer.code == 2
    assert "dummy, real: one stage in a call; all is all of them" in answer.stderr


def test_the_help_says_what_each_stage_proves(desk: Desk) -> None:
    said = " ".join(desk.call("validate", "--help").stdout.split())
    assert f"--stage [static|{'|'.join(stage.name for stage in gates())}|all]" in said
    assert "[-- EXTRA...]" in said
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
    assert answer.code == 1
    real, parity = answer.document["verdicts"]
    assert (real["kind"], parity["kind"]) == ("passed", "no-reference")
    assert "the reference answered something else" in parity["reason"]
    assert len(kept(planned)) == 2


@costly
def test_twin_and_slice_together_are_enough(desk: Desk, nova: Path, referred_engine: Path) -> None:
    assert desk.new_model(nova, "--name", NAME, "--python", referred_engine).code == 0
    keep_twin(NAME, Workspace(desk.work), make_verdict("twin", digests={"adapter": "a1"}))
    assert validate(desk, nova, referred_engine, "--stage", "real").code == 0
    refused = commit(desk, nova)
    assert refused.code == 1
    answer = validate(desk, nova, referred_engine, "--stage", "slice", "--slice", "2")
    assert answer.code == 0, answer.stderr
    (verdict,) = answer.document["verdicts"]
    assert verdict["reason"].startswith("the first 2 of 3 layers: bfloat16 log probabilities of ")
    assert f"vllm serve {desk.work.resolve()}/.scaffold/{NAME}/slice" in verdict["command"]
    made = commit(desk, nova)
    assert made.code == 0, made.stderr
    message = message_of(desk, made)
    assert "- stage twin, tensor-parallel 1, npu: passed, why" in message
    assert "- stage S (parity of the first layers), tensor-parallel 1, cpu: passed, the first 2 of 3" in message


def test_what_the_twin_showed_does_not_hold_for_an_adapter_that_was_edited_since(desk: Desk, nova: Path) -> None:
    assert desk.new_model(nova, "--name", NAME).code == 0
    workspace = Workspace(desk.work)
    keep_twin(NAME, workspace, make_verdict("twin", digests={"adapter": "a1"}))
    assert [verdict.stage for verdict in gather(workspace, NAME).current] == ["twin"]
    (adapter,) = (desk.vllm / "vllm/model_executor/models").glob("nova.py")
    adapter.write_text(adapter.read_text() + "# edited\n")
    assert gather(workspace, NAME).current == ()


def test_a_slice_that_does_not_fit_is_no_failure_and_says_what_it_takes(
    planned: Desk, nova: Path, fake_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.running.slice.present_means", lambda seconds: Means(10, 1, seconds))
    answer = validate(planned, nova, fake_engine, "--stage", "slice")
    assert answer.code == 1
    (verdict,) = answer.document["verdicts"]
    assert verdict["kind"] == "no-reference"
    assert "the reference of the first 1 layers takes about" in verdict["reason"]


@costly
def test_what_follows_two_dashes_goes_to_the_server_as_it_is(planned: Desk, nova: Path, fake_engine: Path) -> None:
    answer = validate(planned, nova, fake_engine, "--stage", "dummy", "--", "--block-size", "32")
    assert answer.code == 0, answer.stderr
    (verdict,) = answer.document["verdicts"]
    assert verdict["command"].endswith("--load-format dummy --block-size 32")
    refused = planned.call("validate", nova, nova, "--work", planned.work, "--json")
    assert refused.code == 2
    assert "arguments of vllm serve after --" in refused.document["error"]["expected"]


def test_a_failure_is_told_with_its_cause_and_what_to_do_with_quiet_too(
    planned: Desk, nova: Path, fake_engine: Path
) -> None:
    roots = ("--work", planned.work, "--python", fake_engine, "--name", NAME, "--port", str(free_port()))
    words = ("--stage", "dummy", "--no-ladder", "--quiet", "--request-seconds", "20", "--", "--refuse", "1")
    answer = planned.call("validate", nova, *roots, *words)
    assert answer.code == 1
    assert "dummy: request-failed" in answer.stderr
    assert "HTTP 400: the prompt is too long" in answer.stderr
    assert "next step" in answer.stderr
    assert answer.stdout == ""


def test_gates_do_not_start_beside_others_of_the_same_work_directory(
    planned: Desk, nova: Path, fake_engine: Path
) -> None:
    with Workspace(planned.work).gates_lock():
        answer = validate(planned, nova, fake_engine, "--stage", "dummy")
    assert answer.code == 2
    assert "gates that run already" in answer.document["error"]["found"]
    assert answer.document["error"]["kind"] == "InUse"  # what a fleet waits for


@costly
def test_evidence_of_another_machine_signs_nothing(
    planned: Desk, nova: Path, fake_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert validate(planned, nova, fake_engine, "--stage", "real").code == 0
    monkeypatch.setattr("scaffold.evidence.digests.machine_digest", lambda: "another")
    refused = commit(planned, nova)
    assert refused.code == 1
    assert "passed on another state of tree or checkpoint" in refused.document["error"]["found"]
