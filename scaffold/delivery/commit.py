"""One signed-off commit with the planned contents and nothing else, whatever else the repo is being used for.

The commit is made in an index of its own: what a user has staged, and what lies in the work tree, stays as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from scaffold.common.errors import CheckFailed, UsageError
from scaffold.delivery.staged import Entry, entries, hidden, put, stage_commit, staged_entries

if TYPE_CHECKING:
    from git import Repo

PLACES = ("vllm_ascend", "docs", "tests/e2e/models", "patches", "mkdocs.yml")
"""Where a delivery is written, and what it is written from."""
IN_PROGRESS = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")
OF_A_COMMIT = ("pre-commit", "prepare-commit-msg", "commit-msg", "reference-transaction")
"""Hooks that can refuse a commit (githooks(5))."""
RUNS_HOOKS = (2, 36)
"""The first git that has ``git hook run``; vllm-ascend's images have 2.34."""
IDENTITY = {"name": ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "email": ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL")}


def check_delivery_repo(path: Path) -> None:
    """Check that a commit could be made there; changes nothing.

    Raises:
        UsageError: a merge or rebase under way, no identity, or what `check_readable` says.
    """
    repo = check_readable(path)
    left_out = hidden(repo, PLACES)
    if left_out:
        raise _unfit(
            path,
            f"a sparse checkout: {len(left_out)} files are not in the work tree, such as {left_out[0]}",
            f"a work tree with all of {', '.join(PLACES)}",
            "git sparse-checkout disable, or add these folders to it",
        )
    for name in IN_PROGRESS:
        if (Path(repo.git_dir) / name).exists():
            raise _unfit(path, f"{name}: an operation under way", "none", "finish or abort it")
    for key, variables in IDENTITY.items():
        if not _set_to(repo, f"user.{key}") and not all(os.environ.get(name) for name in variables):
            raise _unfit(path, f"no user.{key}", "an identity to sign off with", f"git config user.{key} …")


def check_readable(path: Path) -> Repo:
    """Check that git tells what its last commit holds, and return the repo.

    Raises:
        UsageError: no git repo, one that git refuses, no commit yet.
    """
    repo = _open(path)
    _asked(path, "rev-parse", "--git-dir")  # git's own word, as on a repo of others
    if not repo.head.is_valid():
        raise _unfit(path, "a repo without a commit", "a repo with a history", "make a first commit there")
    return repo


def _set_to(repo: Repo, key: str) -> str:
    """Return what git is set to, from wherever it reads that; empty where it is not."""
    from git.exc import GitCommandError

    try:
        return str(repo.git.config("--get", key))
    except GitCommandError:
        return ""


def check_branch(path: Path) -> None:
    """Check that a commit would be on a branch. The image's own checkout is on none, and may be planned for.

    Raises:
        UsageError: HEAD is detached, or what `check_delivery_repo` says.
    """
    check_delivery_repo(path)
    repo = _open(path)
    unmerged = sorted({line.split("\t")[1] for line in repo.git.ls_files("--unmerged").splitlines()})
    if unmerged:
        raise _unfit(path, f"conflicts in {', '.join(unmerged[:3])}", "an index without conflicts", "resolve them")
    if repo.head.is_detached:
        raise _unfit(
            path,
            f"a detached HEAD at {repo.head.commit.hexsha[:12]}",
            "a branch, or the commit would be on none",
            "git switch -c NAME",
        )


def committed_text(path: Path, file: PurePosixPath) -> str | None:
    """Return a file as the last commit has it; None where it has none.

    Raises:
        UsageError: no git repo.
        UnicodeDecodeError: it is not UTF-8.
    """
    from git.exc import GitCommandError

    repo = _open(path)
    try:
        return bytes(repo.git.show(f"HEAD:{file}", stdout_as_string=False, strip_newline_in_stdout=False)).decode()
    except GitCommandError:
        return None


def check_contents(path: Path, contents: Mapping[PurePosixPath, str]) -> tuple[str, ...]:
    """Return what a commit of these contents would change, as ``git diff --stat`` shows it; changes nothing.

    Raises:
        UsageError: the repo is not fit for a commit.
        CheckFailed: there is nothing to commit.
    """
    check_branch(path)
    repo = _open(path)
    with _own_index(repo, path, contents) as environment:
        return tuple(
            repo.git.diff("--no-color", "--no-ext-diff", "--cached", "--stat", "HEAD", env=environment).splitlines()
        )


def commit(path: Path, contents: Mapping[PurePosixPath, str], message: str) -> str:
    """Commit exactly ``contents``, signed off as ``git commit -s`` does, and signed where git is set to; hooks run.

    Args:
        path: the repo.
        contents: file, relative to it → its whole text in the commit. What is staged or lies in the work tree of
            these and of all other files stays as it is.
        message: without the sign-off.

    Returns:
        The hash of the commit.

    Raises:
        UsageError: the repo is not fit for it.
        CheckFailed: nothing would change; git or one of the repo's hooks refused, or a hook would have had other
            contents committed. The repo is as it was.
    """
    check_branch(path)
    repo = _open(path)
    _check_unlocked(repo, path)
    _catch_up(repo, contents)
    before = repo.head.commit.hexsha
    with _own_index(repo, path, contents) as environment:
        tree = repo.git.write_tree(env=environment)
        _try_hook(repo, path, tree, environment)
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as text:
            text.write(message)
            text.flush()
            words = ("--signoff", "--quiet", "--cleanup=verbatim", "--file", text.name)
            _asked(path, "commit", *words, environment=environment)
    made = repo.head.commit
    if made.tree.hexsha != tree or [parent.hexsha for parent in made.parents] != [before]:
        repo.git.update_ref("HEAD", before, made.hexsha)
        raise _not_this(path, f"a commit {made.hexsha[:12]} of other contents, which a hook made of it")
    try:
        stage_commit(repo, before, contents)
    except subprocess.CalledProcessError as error:
        raise CheckFailed(
            f"the commit {made.hexsha} was made, and its files are not in the index: {_said(error)}",
            where=str(path),
            expected="an index that nothing else writes to",
            remedy="end what else uses this repo, and run scaffold commit again, which brings the index up to date",
        ) from error
    return str(made.hexsha)


def head_of(path: Path) -> str:
    """Return the hash of the last commit.

    Raises:
        UsageError: no git repo.
    """
    return str(_open(path).head.commit.hexsha)


def titles_of(path: Path, count: int = 300) -> tuple[str, ...]:
    """Return the titles of the last commits, the newest first; merges have none of their own.

    Raises:
        UsageError: no git repo.
    """
    return tuple(_open(path).git.log(f"-{count}", "--no-merges", "--no-show-signature", "--format=%s").splitlines())


def _check_unlocked(repo: Repo, path: Path) -> None:
    lock = Path(repo.git_dir) / "index.lock"
    if lock.exists():
        raise _unfit(path, f"{lock}: git is at work", "no other git", "wait for it; if none runs, remove that file")


def _catch_up(repo: Repo, contents: Mapping[PurePosixPath, str]) -> None:
    """Have the index follow a commit of just these files, if a crash came between the two."""
    parent = _parent(repo)
    if parent and {PurePosixPath(name) for name in _files_of(repo, parent)} == set(contents):
        behind = entries(repo, parent, contents)
        if all(staged_entries(repo, contents).get(file) == behind.get(file) for file in contents):
            stage_commit(repo, parent, contents)


def _parent(repo: Repo) -> str:
    """Return the hash of the last commit's parent; empty where there is none, as at the end of a shallow clone."""
    return "".join(repo.git.rev_list("--parents", "--max-count=1", "HEAD").split()[1:2])


def _files_of(repo: Repo, parent: str) -> list[str]:
    said = repo.git.diff_tree("-r", "-z", "--no-renames", "--name-only", parent, "HEAD")
    return [name for name in said.split("\0") if name]


@contextmanager
def _own_index(repo: Repo, path: Path, contents: Mapping[PurePosixPath, str]) -> Iterator[dict[str, str]]:
    """Give the environment in which git has an index of the last commit with ``contents`` in it.

    Raises:
        CheckFailed: there is nothing to commit.
    """
    folder = Path(tempfile.mkdtemp(prefix="scaffold-index-"))
    environment = {"GIT_INDEX_FILE": str(folder / "index")}
    try:
        repo.git.read_tree("HEAD", env=environment)
        before = entries(repo, "HEAD", contents)
        modes = {file: before[file].mode if file in before else "100644" for file in contents}
        put(repo, {f: Entry(modes[f], _stored(repo, f, text)) for f, text in contents.items()}, environment)
        if repo.git.write_tree(env=environment) == repo.head.commit.tree.hexsha:
            raise CheckFailed(
                f"nothing to commit: the planned files are as in {repo.head.commit.hexsha[:12]}",
                where=str(path),
                expected="planned files that differ from the last commit",
                remedy="there is nothing to do",
            )
        yield environment
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stored(repo: Repo, file: PurePosixPath, text: str) -> str:
    """Store a text as git would store the file; return the name of its object."""
    command = ["git", "hash-object", "-w", "--stdin", f"--path={file}"]
    try:
        made = subprocess.run(command, cwd=repo.working_dir, input=text.encode(), capture_output=True, check=True)
    except subprocess.CalledProcessError as error:
        raise CheckFailed(
            f"git: {_said(error)[:600]}",
            where=f"{repo.working_dir}: {file}",
            expected="a file that git can store, with the filters of .gitattributes",
            remedy="repair the filter that git names, such as git lfs install",
        ) from error
    return made.stdout.decode().strip()


def _try_hook(repo: Repo, path: Path, tree: str, environment: dict[str, str]) -> None:
    """Run the repo's hook once before the commit is made, and look at what it would have committed."""
    if repo.git.version_info >= RUNS_HOOKS:
        _asked(path, "hook", "run", "--ignore-missing", "pre-commit", environment=environment)
    else:
        _run_hook(repo, path, "pre-commit", environment)
    after = repo.git.write_tree(env=environment)
    if after != tree:
        changed = ", ".join(repo.git.diff("--name-only", tree, after).splitlines())
        raise _not_this(path, f"a pre-commit hook that has {changed} committed in another form")


def _run_hook(repo: Repo, path: Path, name: str, environment: Mapping[str, str]) -> None:
    """Run a hook as git does that has no ``git hook run`` yet: from the top of the work tree, by a shell if need be."""
    hook = path / repo.git.rev_parse("--git-path", f"hooks/{name}")
    if not os.access(hook, os.X_OK) or not hook.is_file():
        return
    is_script = hook.read_bytes()[:2] in (b"#!", b"\x7fE")
    command = [str(hook.resolve())] if is_script else ["sh", str(hook.resolve())]
    _ran(path, command, ("hook", "run", name), Path(str(repo.working_dir)), environment)


def _asked(path: Path, *words: str, environment: Mapping[str, str] | None = None) -> None:
    """Run git; what it or a hook refuses is an error in its own words."""
    _ran(path, ["git", *words], words, path, environment or {})


def _ran(path: Path, command: Sequence[str], words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> None:
    """Run a command of git's; ``words`` are what it was asked."""
    try:
        variables = {**os.environ, **environment}
        subprocess.run(command, cwd=cwd, env=variables, capture_output=True, stdin=subprocess.DEVNULL, check=True)
    except subprocess.CalledProcessError as error:
        is_repo = words[0] != "rev-parse"
        kind = CheckFailed if is_repo else UsageError
        raise kind(
            f"git: {_said(error)[:600] or _silent(path, words, error.returncode)}",
            where=str(path),
            expected="a commit of the planned files" if is_repo else "a repo that git works on",
            remedy="repair what git or the repo's hook reports",
        ) from error


def _said(error: subprocess.CalledProcessError) -> str:
    """Return what git or a hook wrote before it failed."""
    return bytes(error.stderr or error.stdout or b"").decode(errors="replace").strip()


def _silent(path: Path, words: Sequence[str], code: int) -> str:
    """Return who said no without a word: one hook where it was asked alone, else one of those that are there."""
    if words[0] == "hook":
        return f"the hook {words[-1]} refused (exit code {code}) without a word"
    hooks = Path(_open(path).git.rev_parse("--git-path", "hooks"))
    there = [name for name in OF_A_COMMIT if os.access(path / hooks / name, os.X_OK)]
    whose = f"; hooks that are asked: {', '.join(there)}" if there else ""
    return f"{words[0]} ended with exit code {code} without a word{whose}"


def _open(path: Path) -> Repo:
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo

    try:
        repo = Repo(path)
    except (InvalidGitRepositoryError, NoSuchPathError) as error:
        raise _unfit(path, "no git repo", "the root of a git repo", "pass one with --delivery") from error
    if repo.bare:
        raise _unfit(path, "a bare repo", "a repo with a work tree", "pass a clone of it")
    return repo


def _not_this(path: Path, found: str) -> CheckFailed:
    return CheckFailed(
        found,
        where=str(path),
        expected="a commit of the planned contents alone",
        remedy="run the hook by hand on these files, keep what it makes of them, and commit again",
    )


def _unfit(path: Path, found: str, expected: str, remedy: str) -> UsageError:
    return UsageError(found, where=str(path), expected=expected, remedy=remedy)
