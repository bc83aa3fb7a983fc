"""``scaffold report`` as a user calls it: after each step of the main job, and its comment on a real local server."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.conftest import Desk
from tests.delivery.results import write_results
from tests.lab.ports import free_port
from tests.report.fake_github import FakeGitHub, fake_github
from tests.sampled import costly


@costly
def test_of_a_model_from_its_plan_to_its_commit(
    desk: Desk, nova: Path, fake_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict: dict[str, Any] = {}
    made = desk.new_model(nova, "--name", "good", "--python", fake_engine)
    assert made.code == 0, made.stderr
    words = ("--work", desk.work, "--name", "good")
    planned = desk.call("report", nova, *words, "--lang", "en", "--json")
    assert planned.code == 0, planned.stderr
    folder = desk.work / ".scaffold" / "good"
    assert planned.document["files"] == [str(folder / "report.md"), str(folder / "runbook.md")]
    assert "there is no command to give" in (folder / "runbook.md").read_text()
    kinds = [limit["kind"] for limit in planned.document["report"]["limits"]]
    assert kinds[:4] == ["no-real", "no-parity", "no-accuracy", "no-commit"]

    account = planned.document["report"]["account"]
    assert [one["strategy"] for one in account["considered"] if one["holds"]] == ["native"]
    assert {
        change["path"]: (change["role"], change["added"] > 0) for change in planned.document["report"]["changes"]
    } == {
        "vllm/model_executor/models/nova.py": ("adapter", True),
        "vllm/model_executor/models/registry.py": ("registration", True),
        "vllm/transformers_utils/config.py": ("registration", True),
        "vllm/transformers_utils/configs/__init__.py": ("registration", True),
        "vllm/transformers_utils/configs/configuration_nova.py": ("config-class", True),
        "docs/source/tutorials/models/good.md": ("tutorial", True),
        "docs/source/tutorials/models/index.md": ("index", True),
        "tests/e2e/models/configs/good.yaml": ("test-config", True),
    }

    engine = ("--python", fake_engine, "--port", str(free_port()), "--json")
    for stage in ("real", "features", "capacity"):
        served = desk.call("validate", nova, *words, *engine, "--stage", stage)
        assert served.code == 0, served.stderr
        verdict = served.document["verdicts"][0] if stage == "real" else verdict
    taken = desk.call("evaluate", nova, "--results", write_results(desk.root / "r.json"), *words)
    assert taken.code == 0, taken.stderr
    reasons = ("--accept-device", "cpu", "--without-parity", "a stand-in")
    committed = desk.call("commit", nova, *words, *reasons, "--json")
    assert committed.code == 0, committed.stderr

    out = desk.root / "out"
    answer = desk.call("report", nova, *words, "--output", out, "--json")
    assert answer.code == 0, answer.stderr
    report, runbook = ((out / name).read_text() for name in ("report.md", "runbook.md"))
    for known in (committed.document["commit"], verdict["record"], "0.8125", "a stand-in", "16000 token", "真实权重"):
        assert known in report, known
    assert re.findall(r"```bash\n(.*)\n```", runbook)[0] == verdict["command"]
    assert answer.document["report"]["commit"]["signed_off"] is True
    assert answer.document["report"]["commit"]["without_parity"] == "a stand-in"
    assert subprocess.run(
        ["git", "status", "--short"], cwd=desk.delivery, check=True, capture_output=True, text=True
    ).stdout == ""  # they are handed over, not committed  # fmt: skip

    (desk.vllm / "vllm/another_model.py").write_text("CHANGED = True\n")
    later = desk.call("report", nova, *words, "--json").document["report"]
    assert (later["basis"], [run["is_current"] for run in later["history"]]) == ("commit", [True] * 3)

    (desk.delivery / ".git").rename(desk.root / "git")
    lost = desk.call("report", nova, *words)
    assert (lost.code, "git does not answer" in lost.stderr) == (2, True), lost.stderr
    (desk.root / "git").rename(desk.delivery / ".git")

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with fake_github(FakeGitHub()) as github:
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        monkeypatch.setenv("GITHUB_TOKEN", "ghx-secret-0123456789\n")
        for is_new in (True, False):
            posted = desk.call("report", nova, *words, "--post", "org/repo#7", "--json")
            assert (posted.code, posted.document["is_new"]) == (0, is_new), posted.stderr
            assert "ghx-secret" not in posted.stdout + posted.stderr
        (comment,) = github.comments
        assert comment.startswith(posted.document["comment"].rstrip())
        assert committed.document["commit"] in comment
        assert str(desk.root) not in comment  # a machine's paths are nobody's business there
        monkeypatch.delenv("GITHUB_TOKEN")
        refused = desk.call("report", nova, *words, "--post", "org/repo#7", "--json")
        assert (refused.code, "GITHUB_TOKEN" in refused.stderr) == (3, True)


def test_a_folder_that_is_no_checkpoint_is_said_to_be_none(empty_desk: Desk, tmp_path: Path) -> None:
    for path, says in ((tmp_path / "nosuch", "no such folder"), (tmp_path, "no config.json there")):
        answer = empty_desk.call("report", path)
        assert answer.code == 2
        assert says in answer.stderr


def test_what_cannot_be_meant_is_refused_before_anything_is_read(empty_desk: Desk) -> None:
    words = ("report", empty_desk.root / "nothing", "--work", empty_desk.work, "--name", "good")
    for more, said in (
        (("--post", "repo#7"), "OWNER/REPO#NUMBER"),
        (("--comment", "--output", empty_desk.root), "--output together with --comment"),
        ((), "no run for 'good'"),
    ):
        answer = empty_desk.call(*words, *more)
        assert (answer.code, said in answer.stderr) == (2, True), answer.stderr


def test_the_command_that_stops_finds_the_server_and_nothing_else(tmp_path: Path) -> None:
    from scaffold.report.commands import runbook_of
    from scaffold.report.value import Run
    from tests.verdicts import make_verdict

    model = tmp_path / "Nova (7B)+"
    runbook = runbook_of([Run(1, make_verdict("real", command=f"vllm serve '{model}' --port 8123"), is_current=True)])
    assert runbook is not None
    find = runbook.stop.text.replace("pkill -INT -f", "pgrep -f")
    titles = [" ".join(("vllm", "serve", str(model))), " ".join(("vllm", "serve", f"{model}2"))]
    processes = [psutil.Popen(["bash", "-c", 'exec -a "$1" sleep 600', "_", title]) for title in titles]
    try:
        deadline = time.monotonic() + 300
        while [one.cmdline()[:1] for one in processes] != [[title] for title in titles] and time.monotonic() < deadline:
            time.sleep(0.01)
        found = subprocess.run(["bash", "-c", find], capture_output=True, text=True).stdout.split()
        assert found == [str(processes[0].pid)]
    finally:
        for process in processes:
            process.kill()
            process.wait()
