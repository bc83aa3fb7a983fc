"""Stage static before the gates of a planned model: kept as a verdict, and a stop starts no server."""

from __future__ import annotations

from pathlib import Path

from scaffold.evidence.workspace import Workspace
from tests.cli.conftest import Answer, Desk
from tests.cli.test_validate import NAME, commit
from tests.lab.ports import free_port
from tests.sampled import costly

ADAPTER = Path("vllm/model_executor/models/nova.py")


def new_model(desk: Desk, nova: Path, python: Path, *words: str) -> Answer:
    port = ("--port", str(free_port()))
    return desk.new_model(nova, "--name", NAME, "--python", python, *port, "--json", "--validate", *words)


def edit(desk: Desk) -> None:
    """Let the adapter call a layer as no release has it."""
    path = desk.vllm / ADAPTER
    path.write_text(path.read_text() + "\n\nfrom vllm.model_executor.layers.layernorm import NoSuchNorm\n")


@costly
def test_static_comes_first_and_a_stop_starts_no_server_and_signs_nothing(
    desk: Desk, nova: Path, fake_engine: Path
) -> None:
    answer = new_model(desk, nova, fake_engine, "--stage", "dummy")
    assert answer.code == 0, answer.stderr
    assert answer.document["static"]["verdict"] == "passed"
    assert [verdict["stage"] for verdict in answer.document["verdicts"]] == ["dummy"]
    static, dummy = Workspace(desk.work).verdicts(NAME)
    assert (static.stage, static.evidence) == ("static", answer.document["static"]["record"])
    assert dummy.evidence == answer.document["verdicts"][0]["record"]
    assert static.digests == dummy.digests

    edit(desk)
    roots = ("--work", desk.work, "--python", fake_engine, "--name", NAME, "--port", str(free_port()))
    logs = desk.work / ".scaffold" / NAME / "logs"
    before = sorted(logs.iterdir())
    answer = desk.call("validate", nova, *roots, "--json")
    assert answer.code == 1
    assert answer.document["verdicts"] == []
    assert "  next step  " in answer.stderr, "what to do is said to a person, too"
    (stop,) = answer.document["static"]["stops"]
    assert stop.startswith("code: line ")
    assert stop.endswith("no 'NoSuchNorm' in vllm.model_executor.layers.layernorm")
    assert sorted(logs.iterdir()) == before
    refused = commit(desk, nova, "--without-parity", "no reference")
    assert "none-failed: stage static ended as failed: 1 that stops it" in refused.document["error"]["found"]

    allowed = desk.call("validate", nova, *roots, "--stage", "static", "--allow", "static-code", "--json")
    assert allowed.code == 0, allowed.stderr
    static, _ = Workspace(desk.work).verdicts(NAME)
    assert static.allowed == ("static-code",)

    other = desk.root / "other"
    (other / "vllm").mkdir(parents=True)
    assert desk.call("validate", nova, *roots, "--vllm", other, "--stage", "static").code == 2
    kept = list((desk.work / ".scaffold" / NAME / "verdicts").iterdir())
    assert len(kept) == 4, "other trees than those planned are not on record"
