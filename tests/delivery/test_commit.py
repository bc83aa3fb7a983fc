"""The one commit: the planned contents and nothing else, signed off, or the repo as it was."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from scaffold.common.errors import CheckFailed, ScaffoldError, UsageError
from scaffold.delivery.commit import check_contents, check_delivery_repo, commit, committed_text, titles_of
from scaffold.delivery.taken_back import call_for

A, SHARED = PurePosixPath("docs/a.txt"), PurePosixPath("README.md")


def git(repo: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=repo, check=True, capture_output=True, text=True).stdout


def hook(repo: Path, name: str, *lines: str) -> None:
    path = repo / ".git" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def shared(repo: Path) -> str:
    """Commit a file that several people edit."""
    (repo / SHARED).write_text("first\n\nlast\n")
    git(repo, "add", str(SHARED))
    git(repo, "commit", "-qm", "shared")
    return git(repo, "rev-parse", "HEAD").strip()


def test_holds_the_planned_contents_only_and_is_signed_off(delivery_repo: Path) -> None:
    (delivery_repo / "docs").mkdir(exist_ok=True)
    for name in (str(A), "b.txt"):
        (delivery_repo / name).write_text("a")
    hash_ = commit(delivery_repo, {A: "a"}, "[Model] Add nova\n\nEvidence:\n- #1 starts with a hash\n")
    assert git(delivery_repo, "show", "--name-only", "--format=", hash_).split() == [str(A)]
    message = git(delivery_repo, "log", "-1", "--format=%B")
    assert message.startswith("[Model] Add nova\n")
    assert "- #1 starts with a hash" in message
    assert message.rstrip().endswith("Signed-off-by: Test Engineer <test@example.com>")
    assert git(delivery_repo, "status", "--short").split() == ["??", "b.txt"]


def test_what_a_user_staged_and_edited_stays_as_it_is(delivery_repo: Path) -> None:
    shared(delivery_repo)
    (delivery_repo / "own.txt").write_text("staged")
    (delivery_repo / SHARED).write_text("first\nstaged\n\nlast\n")
    git(delivery_repo, "add", "own.txt", str(SHARED))
    now = "first\nstaged\n\nlast\nplanned\nunstaged\n"
    (delivery_repo / SHARED).write_text(now)
    hash_ = commit(delivery_repo, {SHARED: "first\n\nlast\nplanned\n"}, "x")
    assert git(delivery_repo, "show", "--numstat", "--format=", hash_).split() == ["1", "0", str(SHARED)]
    staged = git(delivery_repo, "diff", "--cached", "-U0").splitlines()
    assert [line for line in staged if line.startswith(("+", "-")) and line[1] != line[0]] == ["+staged", "+staged"]
    assert git(delivery_repo, "diff", "-U0").splitlines()[-1] == "+unstaged"
    assert (delivery_repo / SHARED).read_text() == now


def test_lines_that_were_staged_beside_those_of_the_plan_stay_staged(delivery_repo: Path) -> None:
    shared(delivery_repo)
    (delivery_repo / SHARED).write_text("first\nstaged\n\nlast\n")
    git(delivery_repo, "add", str(SHARED))
    commit(delivery_repo, {SHARED: "first\nplanned\n\nlast\n"}, "x")
    staged = git(delivery_repo, "show", f":{SHARED}").splitlines()
    assert sorted(staged) == ["", "first", "last", "planned", "staged"]


def test_a_hook_that_says_no_leaves_the_repo_as_it_was(delivery_repo: Path) -> None:
    hook(delivery_repo, "pre-commit", "echo 'lint: not like this' >&2", "exit 1")
    before = git(delivery_repo, "rev-parse", "HEAD")
    with pytest.raises(CheckFailed, match="lint: not like this"):
        commit(delivery_repo, {A: "a"}, "x")
    assert git(delivery_repo, "rev-parse", "HEAD") == before
    assert git(delivery_repo, "status", "--short") == ""


@pytest.mark.parametrize(
    ("name", "lines", "says"),
    [
        ("pre-commit", ["echo more > more.txt", "git add more.txt"], "has more.txt committed in another form"),
        (
            "post-commit",
            ["echo more > more.txt", "git add more.txt", "git commit -q --no-verify --amend --no-edit"],
            r"a commit .* of other contents",
        ),
    ],
)
def test_what_a_hook_adds_is_not_committed(delivery_repo: Path, name: str, lines: list[str], says: str) -> None:
    guard = "[ -e .git/once ] && exit 0; touch .git/once"
    hook(delivery_repo, name, *([guard] if name == "post-commit" else []), *lines)
    before = git(delivery_repo, "rev-parse", "HEAD")
    with pytest.raises(CheckFailed, match=says):
        commit(delivery_repo, {A: "a"}, "x")
    assert git(delivery_repo, "rev-parse", "HEAD") == before
    assert git(delivery_repo, "diff", "--cached", "--name-only") == ""


def test_a_hook_of_the_message_is_heard(delivery_repo: Path) -> None:
    hook(delivery_repo, "commit-msg", "grep -q '^\\[Model\\]' \"$1\" || { echo 'title: [Type] first' >&2; exit 1; }")
    with pytest.raises(CheckFailed, match=r"title: \[Type\] first"):
        commit(delivery_repo, {A: "a"}, "x")
    assert commit(delivery_repo, {A: "a"}, "[Model] x")


def test_a_signature_that_fails_is_refused_in_its_own_words(delivery_repo: Path) -> None:
    git(delivery_repo, "config", "commit.gpgsign", "true")
    git(delivery_repo, "config", "gpg.program", "false")
    before = git(delivery_repo, "rev-parse", "HEAD")
    with pytest.raises(CheckFailed, match="gpg failed to sign"):
        commit(delivery_repo, {A: "a"}, "x")
    assert git(delivery_repo, "rev-parse", "HEAD") == before


def test_twice_is_refused_with_the_commit_that_has_it(delivery_repo: Path) -> None:
    hash_ = commit(delivery_repo, {A: "a"}, "x")
    with pytest.raises(CheckFailed, match=f"nothing to commit: the planned files are as in {hash_[:12]}"):
        commit(delivery_repo, {A: "a"}, "x")


def test_an_index_that_a_crash_left_behind_its_commit_follows_with_the_next_call(delivery_repo: Path) -> None:
    before = (delivery_repo / ".git" / "index").read_bytes()
    commit(delivery_repo, {A: "a"}, "x")
    (delivery_repo / ".git" / "index").write_bytes(before)
    with pytest.raises(CheckFailed, match="nothing to commit"):
        commit(delivery_repo, {A: "a"}, "x")
    assert git(delivery_repo, "diff", "--cached", "--name-only") == ""


@pytest.mark.parametrize("words", [("--all",), ("--intent-to-add", ".")])
def test_new_files_that_a_user_had_staged_follow_the_commit(delivery_repo: Path, words: tuple[str, ...]) -> None:
    (delivery_repo / "docs").mkdir(exist_ok=True)
    (delivery_repo / A).write_text("earlier")
    git(delivery_repo, "add", *words)
    (delivery_repo / A).write_text("a")
    commit(delivery_repo, {A: "a"}, "x")
    assert git(delivery_repo, "status", "--short") == ""


def test_what_a_user_staged_of_a_commit_is_left_alone_when_there_is_nothing_to_commit(delivery_repo: Path) -> None:
    shared(delivery_repo)
    commit(delivery_repo, {SHARED: "first\n\nlast\nplanned\n"}, "x")
    git(delivery_repo, "checkout", "--", str(SHARED))
    (delivery_repo / SHARED).write_text("first\n\nlast\nplanned\nmore\n")
    git(delivery_repo, "add", str(SHARED))
    staged = git(delivery_repo, "diff", "--cached")
    with pytest.raises(CheckFailed, match="nothing to commit"):
        check_contents(delivery_repo, {SHARED: "first\n\nlast\nplanned\n"})
    assert git(delivery_repo, "diff", "--cached") == staged


def test_conflicts_in_the_index_are_refused(delivery_repo: Path) -> None:
    shared(delivery_repo)
    (delivery_repo / SHARED).write_text("stashed\n\nlast\n")
    git(delivery_repo, "stash")
    (delivery_repo / SHARED).write_text("committed\n\nlast\n")
    git(delivery_repo, "commit", "-qam", "x")
    subprocess.run(["git", "stash", "pop"], cwd=delivery_repo, check=False, capture_output=True)
    with pytest.raises(UsageError, match=r"conflicts in README\.md"):
        commit(delivery_repo, {A: "a"}, "x")


def test_the_message_is_whole_whatever_git_is_set_to(delivery_repo: Path) -> None:
    for name, value in (("commit.cleanup", "strip"), ("core.commentChar", "-")):
        git(delivery_repo, "config", name, value)
    commit(delivery_repo, {A: "a"}, "[Model] x\n\nFiles:\n- docs/a.txt\n")
    assert "- docs/a.txt" in git(delivery_repo, "log", "-1", "--format=%B")


def test_what_would_be_committed_is_shown_without_a_change(delivery_repo: Path) -> None:
    before = git(delivery_repo, "rev-parse", "HEAD")
    assert any(str(A) in line for line in check_contents(delivery_repo, {A: "a\n"}))
    assert (git(delivery_repo, "rev-parse", "HEAD"), git(delivery_repo, "status", "--short")) == (before, "")


def test_a_file_as_it_was_committed(delivery_repo: Path) -> None:
    shared(delivery_repo)
    (delivery_repo / SHARED).write_text("edited")
    assert committed_text(delivery_repo, SHARED) == "first\n\nlast\n"
    assert committed_text(delivery_repo, A) is None


def test_a_repo_without_a_commit_is_unfit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(UsageError, match="a repo without a commit"):
        check_delivery_repo(tmp_path)


def test_a_repo_in_the_middle_of_a_merge_is_unfit(delivery_repo: Path) -> None:
    (delivery_repo / ".git" / "MERGE_HEAD").write_text(git(delivery_repo, "rev-parse", "HEAD"))
    with pytest.raises(UsageError, match="MERGE_HEAD"):
        check_delivery_repo(delivery_repo)


def test_a_commit_would_be_on_no_branch(delivery_repo: Path) -> None:
    git(delivery_repo, "checkout", "-q", "--detach")
    check_delivery_repo(delivery_repo)
    with pytest.raises(UsageError, match="a detached HEAD at"):
        commit(delivery_repo, {A: "a"}, "x")


def test_a_repo_of_somebody_else_is_refused_in_gits_words(delivery_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(ScaffoldError, match="dubious ownership"):
        check_delivery_repo(delivery_repo)


def test_without_an_identity_nothing_can_be_signed(delivery_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(delivery_repo, "config", "--unset", "user.email")
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    for name in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(delivery_repo.parent))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(delivery_repo.parent))
    with pytest.raises(UsageError, match=r"user\.email"):
        check_delivery_repo(delivery_repo)
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "test@example.com")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "test@example.com")
    check_delivery_repo(delivery_repo)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pre-commit", "git: the hook pre-commit refused (exit code 3) without a word"),
        ("commit-msg", "git: commit ended with exit code 1 without a word; hooks that are asked: commit-msg"),
    ],
)
def test_a_hook_that_says_no_without_a_word_is_named(delivery_repo: Path, name: str, says: str) -> None:
    hook(delivery_repo, name, "exit 3")
    with pytest.raises(CheckFailed) as refused:
        commit(delivery_repo, {A: "a"}, "x")
    assert refused.value.found == says


def test_a_sparse_checkout_that_lacks_files_of_a_delivery_is_told_so(delivery_repo: Path) -> None:
    git(delivery_repo, "status")  # the repo is a copy: git looks at its files once more
    git(delivery_repo, "sparse-checkout", "set", "docs")
    with pytest.raises(UsageError, match=r"a sparse checkout: \d+ files .* such as tests/e2e/models/configs/"):
        check_delivery_repo(delivery_repo)
    git(delivery_repo, "sparse-checkout", "set", "docs", "tests", "vllm_ascend")
    check_delivery_repo(delivery_repo)


@pytest.mark.parametrize(("flag", "tag"), [("--skip-worktree", "S"), ("--assume-unchanged", "h")])
def test_what_a_user_has_told_git_of_a_file_stays(delivery_repo: Path, flag: str, tag: str) -> None:
    shared(delivery_repo)
    git(delivery_repo, "update-index", flag, str(SHARED))
    commit(delivery_repo, {SHARED: "first\n\nlast\nplanned\n", A: "a"}, "x")
    assert git(delivery_repo, "ls-files", "-v", "--", str(SHARED), str(A)).split() == [tag, str(SHARED), "H", str(A)]
    assert git(delivery_repo, "show", f":{SHARED}") == "first\n\nlast\nplanned\n"


def test_a_repo_that_another_git_works_on_is_waited_for(delivery_repo: Path) -> None:
    (delivery_repo / ".git" / "index.lock").touch()
    before = git(delivery_repo, "rev-parse", "HEAD")
    with pytest.raises(UsageError, match=r"index\.lock: git is at work"):
        commit(delivery_repo, {A: "a"}, "x")
    assert git(delivery_repo, "rev-parse", "HEAD") == before


def test_the_titles_of_a_repo_are_the_newest_first_without_merges(delivery_repo: Path) -> None:
    shared(delivery_repo)
    git(delivery_repo, "switch", "-qc", "side", "HEAD~")
    git(delivery_repo, "commit", "-qm", "[Doc] side", "--allow-empty")
    git(delivery_repo, "merge", "-q", "-m", "merged", "-")
    assert set(titles_of(delivery_repo)) == {"[Doc] side", "shared", "vllm-ascend"}


OLD_GIT = """#!/bin/sh
case "$1" in
  version|--version) echo "git version 2.34.1" ;;
  hook) echo "git: 'hook' is not a git command. See 'git --help'." >&2; exit 1 ;;
  *) exec {git} "$@" ;;
esac
"""


@pytest.fixture
def old_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the git of vllm-ascend's images, which has no ``git hook``."""
    program = tmp_path / "old" / "git"
    program.parent.mkdir()
    program.write_text(OLD_GIT.format(git=shutil.which("git")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.mark.usefixtures("old_git")
@pytest.mark.parametrize("hooks", ["", "own hooks"])
def test_hooks_are_heard_by_the_git_of_the_images_too(delivery_repo: Path, hooks: str) -> None:
    assert commit(delivery_repo, {PurePosixPath("docs/first.txt"): "a"}, "x")
    hook(delivery_repo, "pre-commit", "git diff --cached --name-only >&2", "[ ! -e .git/no ] || exit 1")
    if hooks:
        git(delivery_repo, "config", "core.hooksPath", hooks)
        (delivery_repo / ".git" / "hooks").rename(delivery_repo / hooks)
    assert commit(delivery_repo, {A: "a"}, "x")
    (delivery_repo / ".git" / "no").touch()
    with pytest.raises(CheckFailed, match=r"git: docs/a\.txt"):
        commit(delivery_repo, {A: "b"}, "x")
    (delivery_repo / (hooks or ".git/hooks") / "pre-commit").write_text("exit 3\n")
    with pytest.raises(CheckFailed, match=r"the hook pre-commit refused \(exit code 3\) without a word"):
        commit(delivery_repo, {A: "b"}, "x")


def test_a_shallow_clone_is_committed_to(delivery_repo: Path, tmp_path: Path) -> None:
    shared(delivery_repo)
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{delivery_repo}", "shallow")
    clone = tmp_path / "shallow"
    for key in ("user.name", "user.email"):
        git(clone, "config", key, git(delivery_repo, "config", key).strip())
    hash_ = commit(clone, {A: "a"}, "x")
    assert git(clone, "show", "--name-only", "--format=", hash_).split() == [str(A)]


def test_an_identity_of_a_work_tree_of_its_own_counts(
    delivery_repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "工作 树"
    git(delivery_repo, "worktree", "add", "-q", "-b", "own", str(tree))
    git(delivery_repo, "config", "extensions.worktreeConfig", "true")
    for key in ("name", "email"):
        value = git(delivery_repo, "config", f"user.{key}").strip()
        git(delivery_repo, "config", "--unset", f"user.{key}")
        git(tree, "config", "--worktree", f"user.{key}", value)
        for variable in (f"GIT_AUTHOR_{key.upper()}", f"GIT_COMMITTER_{key.upper()}"):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert commit(tree, {A: "a"}, "x")


def test_git_that_is_set_to_show_signatures_and_colours_is_understood(delivery_repo: Path) -> None:
    for key, value in (("log.showSignature", "true"), ("color.ui", "always"), ("diff.external", "false")):
        git(delivery_repo, "config", key, value)
    commit(delivery_repo, {A: "a"}, "[Model] x")
    assert titles_of(delivery_repo)[0] == "[Model] x"
    assert "docs/a.txt | 2 +-" in "".join(check_contents(delivery_repo, {A: "b"}))


def test_files_that_were_taken_back_are_committed_so(delivery_repo: Path) -> None:
    shared(delivery_repo)
    (delivery_repo / "docs").mkdir(exist_ok=True)
    (delivery_repo / A).write_text("a")
    (delivery_repo / SHARED).write_text("first\nplanned\n\nlast\n")
    made = commit(delivery_repo, {A: "a", SHARED: "first\nplanned\n\nlast\n"}, "x")
    (delivery_repo / A).unlink()
    (delivery_repo / SHARED).write_text("first\n\nlast\n")
    (delivery_repo / "own.txt").write_text("a user's")
    git(delivery_repo, "add", "own.txt")
    files = [delivery_repo / A, delivery_repo / SHARED, delivery_repo / "never.txt", Path("/elsewhere/b.txt")]
    subprocess.run(shlex.split(call_for(delivery_repo, files, [made])), check=True, capture_output=True)
    assert git(delivery_repo, "diff", "--name-only", f"{made}~", "HEAD") == ""
    assert git(delivery_repo, "status", "--short") == "A  own.txt\n"


def test_a_filter_that_fails_is_refused_in_gits_words(delivery_repo: Path) -> None:
    (delivery_repo / ".gitattributes").write_text("*.txt filter=lfs -text\n")
    for key, value in (("clean", "no-git-lfs-here clean -- %f"), ("required", "true")):
        git(delivery_repo, "config", f"filter.lfs.{key}", value)
    with pytest.raises(CheckFailed, match=r"(?s)docs/a\.txt.*no-git-lfs-here.*git lfs install"):
        commit(delivery_repo, {A: "a"}, "x")
