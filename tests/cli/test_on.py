"""``--on IMAGE``: the same call, said again in a container; a docker that stands in tells what it was asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace
from tests.cli.conftest import Desk

NAME = "good"


def test_a_call_is_said_again_in_a_container(empty_desk: Desk, nova: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = empty_desk
    monkeypatch.setenv("PATH", "/nowhere")
    record = PlanRecord(NAME, "NovaForCausalLM", "native", {}, str(nova), "/trees/vllm", "/trees/ascend", (), ())
    Workspace(desk.work).save_record(record)
    roots = ("--work", desk.work, "--name", NAME)
    words = ("--stage", "real", "--tp", "1,2", "--allow", "a", "--allow", "b", "--json", "--on", "image:1")
    lacking = desk.call("validate", nova, *roots, *words, "--", "--block-size", "32")
    assert lacking.code == 3
    assert lacking.document["error"]["found"] == "no docker"
    assert "docker run --rm --shm-size=1g --net=host" in lacking.document["error"]["remedy"]

    binaries = desk.root / "bin"
    binaries.mkdir()
    asked = desk.root / "asked.json"
    (binaries / "docker").write_text(
        f"#!/usr/bin/env python3\nimport json, sys\njson.dump(sys.argv[1:], open({str(asked)!r}, 'w'))\nsys.exit(1)\n"
    )
    (binaries / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{binaries}:/usr/bin:/bin")
    monkeypatch.setenv("SCAFFOLD_TP", "4")
    assert desk.call("validate", nova, *roots, *words, "--", "--block-size", "32").code == 1
    command = json.loads(asked.read_text())
    assert command[command.index("-w") + 1 : command.index("-w") + 3] == [str(desk.work), "image:1"]
    assert command[command.index("-e") + 1] == "SCAFFOLD_TP"
    told = f"exec scaffold validate {nova} --work {desk.work} --stage real --name {NAME} --tp 1,2"
    assert command[-1].splitlines()[-1] == f"{told} --allow a --allow b --json -- --block-size 32"
