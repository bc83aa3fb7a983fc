"""The one commit: the planned files and nothing else, signed off, or the repo as it was."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scaffold.common.errors import CheckFailed, UsageError
from scaffold.delivery.commit import check_delivery_repo, commit


def git(repo: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=repo, check=True, capture_output=True, text=True).stdout


def test_holds_the_planned_files_only_and_is_signed_off(delivery_repo: Path) -> None:
    (delivery_repo / "a.txt").write_text("a")
    (delivery_repo / "b.txt").write_text("b")
    hash_ = commit(delivery_repo, [Path("a.txt")], "[Model] Add nova\n\nEvidence:\n- #1 starts with a hash\n")
    assert git(delivery_repo, "show", "--name-only", "--format=", hash_).split() == ["a.txt"]
    message = git(delivery_repo, "log", "-1", "--format=%B")
    assert message.startswith("[Model] Add nova\n")
    assert message.rstrip().endswith("Signed-off-by: Test Engineer <test@example.com>")
    assert git(delivery_repo, "status", "--short").split() == ["??", "b.txt"]


def test_a_hook_that_says_no_leaves_the_index_as_it_was(delivery_repo: Path) -> None:
    hook = delivery_repo / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'lint: not like this' >&2\nexit 1\n")
    hook.chmod(0o755)
    (delivery_repo / "a.txt").write_text("a")
    before = git(delivery_repo, "rev-parse", "HEAD")
    with pytest.raises(CheckFailed, match="lint: not like this"):
        commit(delivery_repo, [Path("a.txt")], "x")
    assert git(delivery_repo, "rev-parse", "HEAD") == before
    assert git(delivery_repo, "status", "--short") == "?? a.txt\n"


def test_twice_is_refused_with_the_commit_that_has_it(delivery_repo: Path) -> None:
    (delivery_repo / "a.txt").write_text("a")
    hash_ = commit(delivery_repo, [Path("a.txt")], "x")
    with pytest.raises(CheckFailed, match=f"nothing to commit: the planned files are as in {hash_[:12]}"):
        commit(delivery_repo, [Path("a.txt")], "x")


def test_a_repo_without_a_commit_is_unfit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(UsageError, match="a repo without a commit"):
        check_delivery_repo(tmp_path)


def test_a_repo_in_the_middle_of_a_merge_is_unfit(delivery_repo: Path) -> None:
    (delivery_repo / ".git" / "MERGE_HEAD").write_text(git(delivery_repo, "rev-parse", "HEAD"))
    with pytest.raises(UsageError, match="MERGE_HEAD"):
        check_delivery_repo(delivery_repo)


def test_without_an_identity_nothing_can_be_signed(delivery_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(delivery_repo, "config", "--unset", "user.email")
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("HOME", str(delivery_repo.parent))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(delivery_repo.parent))
    with pytest.raises(UsageError, match=r"user\.email"):
        check_delivery_repo(delivery_repo)
