"""``scaffold evaluate``: performance against the stand-in, up to the tutorial of the commit."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Answer, Desk
from tests.cli.test_commit import UNTRIED
from tests.lab.ports import free_port
from tests.sampled import costly


def evaluate(desk: Desk, checkpoint: Path, engine: Path, name: str, *words: str) -> Answer:
    roots = ("--work", desk.work, "--python", engine, "--name", name, "--port", str(free_port()))
    return desk.call("evaluate", checkpoint, *roots, "--json", *words)


@costly
def test_performance_of_this_very_state_is_in_the_tutorial(desk: Desk, nova: Path, fake_engine: Path) -> None:
    assert desk.new_model(nova, "--name", "good", "--python", fake_engine).code == 0
    words = ("--work", desk.work, "--python", fake_engine, "--name", "good", "--port", str(free_port()))
    assert desk.call("validate", nova, *words, "--stage", "real").code == 0
    found = evaluate(desk, nova, fake_engine, "good", "--bench", "--bench-prompts", "3")
    assert found.code == 0, found.stderr
    assert found.document["benchmark"]["figures"]["completed"] == 3.0
    assert "accuracy" not in found.document

    roots = ("--work", desk.work, "--name", "good", "--accept-device", "cpu")
    reasons = ("--without-parity", "a stand-in", "--accuracy-pending", "a stand-in", *UNTRIED)
    made = desk.call("commit", nova, *roots, *reasons)
    assert made.code == 0, made.stderr
    tutorial = desk.delivery / "docs/source/tutorials/models/good.md"
    lines = tutorial.read_text().splitlines()
    assert "| Output tokens per second | 37.5 |" in lines
    assert "| Mean time to first token (ms) | 3.100e-04 |" in lines
    assert "    --num-prompts 3 \\" in lines
    assert str(nova) not in tutorial.read_text(), "no place of this machine"
    tutorial.write_text(tutorial.read_text().replace("| Completed requests | 3 |", "| Completed requests | 4 |"))
    refused = desk.call("commit", nova, *roots, *reasons, "--dry-run")
    assert (refused.code, "a tutorial without the line" in refused.stderr) == (1, True), refused.stderr


@costly
def test_what_is_not_asked_or_not_answered_is_said(desk: Desk, nova: Path, fake_engine: Path) -> None:
    assert desk.new_model(nova, "--name", "errs-in-log", "--python", fake_engine).code == 0
    nothing = evaluate(desk, nova, fake_engine, "errs-in-log")
    assert (nothing.code, "neither --tasks nor --results nor --bench" in nothing.stderr) == (2, True)
    unanswered = evaluate(desk, nova, fake_engine, "errs-in-log", "--bench")
    assert unanswered.code == 2
    assert "results in which no request was answered" in unanswered.stderr
