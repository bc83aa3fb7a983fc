"""One signed-off commit with the planned files and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.common.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from git import Repo

IN_PROGRESS = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


def check_delivery_repo(path: Path) -> None:
    """Check that a commit could be made there; changes nothing.

    Raises:
        UsageError: no git repo, no commit yet, staged changes, a merge or rebase under way, no identity.
    """
    repo = _open(path)
    if not repo.head.is_valid():
        raise _unfit(path, "a repo without a commit", "a repo with a history", "make a first commit there")
    staged = [item.a_path or "" for item in repo.index.diff("HEAD")]
    if staged:
        raise _unfit(
            path,
            f"staged changes ({', '.join(sorted(staged)[:3])})",
            "an index without changes of its own",
            "commit or unstage them (git restore --staged .)",
        )
    for name in IN_PROGRESS:
        if (Path(repo.git_dir) / name).exists():
            raise _unfit(path, f"{name}: an operation under way", "none", "finish or abort it")
    reader = repo.config_reader()
    for key in ("name", "email"):
        if not reader.get_value("user", key, ""):
            raise _unfit(path, f"no user.{key}", "an identity to sign off with", f"git config user.{key} …")


def commit(path: Path, files: Sequence[Path], message: str) -> str:
    """Commit exactly ``files``, signed off as ``git commit -s`` does; hooks run.

    Args:
        path: the repo.
        files: relative to it.
        message: without the sign-off.

    Returns:
        The hash of the commit.

    Raises:
        UsageError: the repo is not fit for it.
        CheckFailed: git, or one of the repo's hooks, refused; the index is as it was.
    """
    from git.exc import GitCommandError

    check_delivery_repo(path)
    repo = _open(path)
    names = [file.as_posix() for file in files]
    if not repo.git.status("--porcelain", "--", *names):
        raise CheckFailed(
            f"nothing to commit: the planned files are as in {repo.head.commit.hexsha[:12]}",
            where=str(path),
            expected="planned files that differ from the last commit",
            remedy="there is nothing to do",
        )
    try:
        repo.git.add("--", *names)
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as text:
            text.write(message)
            text.flush()
            repo.git.commit("--signoff", "--quiet", "--file", text.name)
    except GitCommandError as error:
        repo.git.reset("--quiet", "--", *names)
        raise CheckFailed(
            f"git: {str(error.stderr or error).strip()[:600]}",
            where=str(path),
            expected="a commit of the planned files",
            remedy="repair what git or the repo's hook reports",
        ) from error
    made = repo.head.commit
    touched = sorted(str(name) for name in made.stats.files)
    if touched != sorted(names):
        raise CheckFailed(
            f"a commit {made.hexsha[:12]} with {', '.join(touched)}",
            where=str(path),
            expected=", ".join(sorted(names)),
            remedy="a hook of the repo changed the commit; look at it (git show) and decide",
        )
    return str(made.hexsha)


def _open(path: Path) -> Repo:
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo

    try:
        repo = Repo(path)
    except (InvalidGitRepositoryError, NoSuchPathError) as error:
        raise _unfit(path, "no git repo", "the root of a git repo", "pass one with --delivery") from error
    if repo.bare:
        raise _unfit(path, "a bare repo", "a repo with a work tree", "pass a clone of it")
    return repo


def _unfit(path: Path, found: str, expected: str, remedy: str) -> UsageError:
    return UsageError(found, where=str(path), expected=expected, remedy=remedy)
