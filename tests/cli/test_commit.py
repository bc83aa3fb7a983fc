"""``scaffold commit``: all code of the plan in one commit, and no line of anybody else's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scaffold.evidence.workspace import Workspace
from tests.cli.conftest import Answer, Desk
from tests.delivery.results import write_results
from tests.lab.ports import free_port
from tests.sampled import costly
from tests.snapshots import snapshot

ADAPTER = Path("vllm_ascend/models")
MODELS = Path("vllm/model_executor/models")
DOCUMENTS = ("test-config", "tutorial", "index")
"""Points of the quality gate that files alone show."""
UNTRIED = ("--without", "features", "a stand-in", "--without", "capacity", "a stand-in")


def git(repo: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=repo, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def desk_with_models(desk: Desk, ascend_source: Path) -> Desk:
    """A desk whose vllm-ascend takes models."""
    (desk.delivery / ADAPTER).mkdir()
    shutil.copy(ascend_source / ADAPTER / "__init__.py", desk.delivery / ADAPTER)
    git(desk.delivery, "add", "--all")
    git(desk.delivery, "commit", "-qm", "models")
    return desk


def planned(desk: Desk, checkpoint: Path, engine: Path, name: str, *words: str) -> None:
    """Plan a model and have the stand-in pass what a commit needs of stage real; the name tells it to be good."""
    made = desk.new_model(checkpoint, "--name", name, "--python", engine, *words)
    assert made.code == 0, made.stderr


def served(desk: Desk, checkpoint: Path, engine: Path, name: str) -> None:
    words = ("--work", desk.work, "--python", engine, "--name", name, "--port", str(free_port()), "--stage", "real")
    answer = desk.call("validate", checkpoint, *words, "--json")
    assert answer.code == 0, answer.stderr


def commit(desk: Desk, checkpoint: Path, name: str, *words: str) -> Answer:
    roots = ("--work", desk.work, "--name", name, "--accept-device", "cpu")
    reasons = ("--without-parity", "a stand-in", "--accuracy-pending", "a stand-in")
    return desk.call("commit", checkpoint, *roots, *reasons, *UNTRIED, *words)


def renamed(nova: Path, name: str) -> Path:
    """Return the made-up model under another name."""
    folder = Path(shutil.copytree(nova, nova.with_name(name)))
    for path in (folder / "config.json", *folder.glob("*.py")):
        path.write_text(path.read_text().replace("Nova", name.title()).replace("nova", name))
        path.rename(path.with_name(path.name.replace("nova", name)))
    return folder


def files_of(desk: Desk, hash_: str = "HEAD") -> list[str]:
    return git(desk.delivery, "show", "--name-only", "--format=", hash_).split()


@costly
def test_what_vllms_tree_serves_is_committed_as_a_model_of_vllm_ascend(
    desk_with_models: Desk, nova: Path, fake_engine: Path
) -> None:
    desk = desk_with_models
    planned(desk, nova, fake_engine, "good")
    planned(desk, nova, fake_engine, "good")  # a further run, which changes nothing, forgets nothing
    with (desk.vllm / MODELS / "nova.py").open("a") as adapter:
        adapter.write("\n\nCORRECTED_BY_HAND = True\n")
    served(desk, nova, fake_engine, "good")
    before = git(desk.delivery, "rev-parse", "HEAD")
    shown = commit(desk, nova, "good", "--dry-run")
    assert shown.code == 0, shown.stderr
    assert "vllm_ascend/models/nova.py" in shown.stdout
    assert "edited by hand since they were generated" in " ".join(shown.stdout.split())
    assert (git(desk.delivery, "rev-parse", "HEAD"), (desk.delivery / ADAPTER / "nova.py").exists()) == (before, False)
    roots = ("--work", desk.work, "--name", "good", "--accept-device", "cpu", "--without-parity", "a stand-in")
    roots += UNTRIED
    refused = desk.call("commit", nova, *roots)
    assert (refused.code, "no accuracy" in refused.stderr) == (1, True), refused.stderr
    told = {"model": "local-completions", "model_args": "model=another,base_url=http://x/v1"}
    of_another = write_results(desk.root / "another.json", config=told)
    refused = desk.call("evaluate", nova, "--results", of_another, *roots[:4])
    assert (refused.code, "results of another\n" in refused.stderr) == (2, True), refused.stderr
    taken = desk.call("evaluate", nova, "--results", write_results(desk.root / "r.json"), *roots[:4])
    assert taken.code == 0, taken.stderr
    made = desk.call("commit", nova, *roots, "--json")
    assert made.code == 0, made.stderr
    gate = {row["point"]: row["state"] for row in made.document["gate"]}
    assert {point for point, state in gate.items() if state != "shown"} == {"dummy", "parity", "features", "capacity"}
    summary, hash_ = made.document["summary"], made.document["commit"]
    assert summary["files"] == sorted(files_of(desk, hash_))
    assert summary["commands"]["take back"] == f"git -C {desk.delivery} revert {hash_}"
    assert f"vllm serve {nova} --served-model-name good" in summary["commands"]["serve"]
    assert summary["limits"] == ["not tried on an NPU: the evidence is of cpu"]
    assert "features: a stand-in" in summary["reasons"]
    assert "    value: 0.8125" in (desk.delivery / "tests/e2e/models/configs/good.yaml").read_text().splitlines()
    assert {str(ADAPTER / name) for name in ("__init__.py", "nova.py", "configuration_nova.py")} <= set(files_of(desk))
    delivered = (desk.delivery / ADAPTER / "nova.py").read_text()
    assert "class NovaForCausalLM" in delivered
    assert "CORRECTED_BY_HAND = True" in delivered
    assert "from ." not in delivered
    assert "patches" not in str(files_of(desk))
    message = git(desk.delivery, "log", "-1", "--format=%B")
    assert "- count, exact_match,none: 0.8125\n" in message
    assert "The gates ran with the same code in vLLM's tree:\n- vllm/model_executor/models/nova.py\n" in message
    assert git(desk.delivery, "status", "--short") == ""


@costly
def test_a_vllm_ascend_without_models_gets_a_patch_that_applies(desk: Desk, nova: Path, fake_engine: Path) -> None:
    fresh = Path(shutil.copytree(desk.vllm, desk.root / "fresh"))
    planned(desk, nova, fake_engine, "good")
    served(desk, nova, fake_engine, "good")
    made = commit(desk, nova, "good")
    assert made.code == 0, made.stderr
    (patch,) = [file for file in files_of(desk) if file.startswith("patches/vllm-")]
    text = git(desk.delivery, "show", f"HEAD:{patch}")
    assert f"git apply {Path(patch).name}" in text
    subprocess.run(["git", "apply", "-"], cwd=fresh, input=text, text=True, check=True)
    for changed in (MODELS / "nova.py", MODELS / "registry.py", Path("vllm/transformers_utils/config.py")):
        assert (fresh / changed).read_text() == (desk.vllm / changed).read_text()


@costly
def test_of_two_models_each_commit_holds_its_own_lines(desk: Desk, nova: Path, fake_engine: Path) -> None:
    models = {name: renamed(nova, name) for name in ("goodone", "goodtwo")}
    for name, checkpoint in models.items():
        planned(desk, checkpoint, fake_engine, name)
    index = desk.delivery / "docs/source/tutorials/models/index.md"
    index.write_text(index.read_text() + "a user's own line\n")
    for name, other in (("goodtwo", "goodone"), ("goodone", "goodtwo")):  # not in the order of their plans
        served(desk, models[name], fake_engine, name)
        made = commit(desk, models[name], name)
        assert made.code == 0, made.stderr
        diff = [line for line in git(desk.delivery, "show", "-U0", "--format=").splitlines() if line[:1] in "+-"]
        assert any(name in line.lower() for line in diff)
        assert not [line for line in diff if other in line.lower() or "user's own" in line]
    assert git(desk.delivery, "diff", "-U0").splitlines()[-1] == "+a user's own line"


@costly
def test_a_second_name_of_one_architecture_is_committed_after_the_code_that_serves_it(
    desk_with_models: Desk, nova: Path, fake_engine: Path
) -> None:
    desk, second = desk_with_models, Path(shutil.copytree(nova, nova.with_name("second")))
    planned(desk, nova, fake_engine, "good")
    planned(desk, second, fake_engine, "good+chatty".replace("+", "-"))
    for checkpoint, name in ((second, "good-chatty"), (nova, "good")):
        served(desk, checkpoint, fake_engine, name)
    refused = commit(desk, second, "good-chatty")
    assert refused.code == 1
    assert "code: NovaForCausalLM is served by the code of good, which no commit holds yet" in refused.stderr
    assert commit(desk, nova, "good").code == 0
    made = commit(desk, second, "good-chatty")
    assert made.code == 0, made.stderr
    assert "It is served by the code that came with good" in git(desk.delivery, "log", "-1", "--format=%B")
    assert not [file for file in files_of(desk) if file.startswith("vllm_ascend")]


def test_a_name_is_one_checkpoints_alone(desk: Desk, nova: Path) -> None:
    second = Path(shutil.copytree(nova, nova.with_name("second")))
    assert desk.new_model(nova, "--name", "good").code == 0
    assert desk.new_model(nova, "--name", "good").code == 0
    for name, says in (("good", "good was planned for"), ("Good", "the name 'Good', and 'good' was planned here")):
        refused = desk.new_model(second, "--name", name, "--dry-run")
        assert (refused.code, says in refused.stderr) == (2, True), refused.stderr
    for name in ("journal", "Survey"):
        refused = desk.new_model(second, "--name", name)
        assert (refused.code, "which the work directory uses" in refused.stderr) == (2, True), refused.stderr


@costly
def test_a_refused_commit_leaves_no_new_file_and_undo_takes_all_of_one_that_was_made_back(
    desk_with_models: Desk, nova: Path, fake_engine: Path
) -> None:
    desk = desk_with_models
    before = snapshot(desk.vllm, desk.delivery)
    planned(desk, nova, fake_engine, "good")
    served(desk, nova, fake_engine, "good")
    with_plan, record = snapshot(desk.delivery), Workspace(desk.work).record("good")
    hook = desk.delivery / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'lint: no' >&2\nexit 1\n")
    hook.chmod(0o755)
    refused = commit(desk, nova, "good")
    assert (refused.code, "lint: no" in refused.stderr) == (1, True)
    assert (snapshot(desk.delivery), Workspace(desk.work).record("good")) == (with_plan, record)
    hook.write_text("#!/bin/sh\necho '# formatted' >> vllm_ascend/models/nova.py\necho 'modified' >&2\nexit 1\n")
    refused = commit(desk, nova, "good")
    assert (refused.code, "git: modified" in refused.stderr) == (1, True)
    assert "a copy of what is served from vLLM's tree: make that change there" in " ".join(refused.stderr.split())
    assert (snapshot(desk.delivery), Workspace(desk.work).record("good")) == (with_plan, record)
    hook.unlink()
    made = commit(desk, nova, "good", "--json")
    assert made.code == 0, made.stderr
    delivered = desk.delivery / ADAPTER / "nova.py"
    text = delivered.read_text()
    delivered.write_text(f"{text}# edited where it is not served\n")
    refused = commit(desk, nova, "good")
    assert (refused.code, "code: edits of what was served from vLLM's tree" in refused.stderr) == (1, True)
    delivered.write_text(text)
    undone = desk.call("undo", "--work", desk.work, "--json")
    hash_ = made.document["commit"]
    assert undone.document["committed"] == {str(desk.delivery): [hash_]}
    assert snapshot(desk.vllm, desk.delivery) == before
    assert Workspace(desk.work).planned() == []


@costly
def test_what_keeps_a_commit_from_being_made_is_not_told_of_its_documents(
    desk_with_models: Desk, nova: Path, fake_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_with_models
    planned(desk, nova, fake_engine, "good")
    served(desk, nova, fake_engine, "good")
    carried = desk.delivery / ADAPTER / "nova.py"
    carried.write_text("# somebody's own\n")
    with_own = commit(desk, nova, "good", "--json")
    carried.unlink()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    of_others = commit(desk, nova, "good", "--json")
    missing = [
        {row["point"]: row["says"] for row in answer.document["gate"] if row["state"] == "missing"}
        for answer in (with_own, of_others)
    ]
    assert [point for point in missing[0] if point in DOCUMENTS or point == "code"] == ["code"]
    assert [*missing[1]] == ["code", "commit"]
    assert all("dubious ownership" in says for says in missing[1].values())
