"""``make bench-commit-kills``: a commit that is killed at any point leaves the repo as it was, or committed whole.

A process makes a commit of five files in a repo in which a user has staged and unstaged lines, two of them in a file
of the plan. It is killed before one of the calls that change something: each git that is started, each file that is
replaced; or at a random moment. What the user has stays; the next call makes the commit, once.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from codemods import ChangeSet, apply
from scaffold.common.errors import CheckFailed
from scaffold.delivery.commit import committed_text
from scaffold.delivery.layout import TEST_CONFIGS, TUTORIALS
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace
from scaffold.running.carry_over import DELIVERY, edits_of
from scaffold.running.committing import Prepared, commit_plan, delivered, recover

NAME = "nova"
CONFIG, TUTORIAL = TEST_CONFIGS / f"{NAME}.yaml", TUTORIALS / f"{NAME}.md"
INDEX, INIT, CODE = Path("docs/index.md"), Path("vllm_ascend/models/__init__.py"), Path("vllm_ascend/models/nova.py")
SHARED = {INDEX: "# Models\n\nalpha\nomega\n", INIT: "first()\n\nlast()\n"}
LINES = {INDEX: "nova\n", INIT: "nova()\n"}
STAGED, UNSTAGED = "# staged by a user\n", "# not staged yet\n"
BEFORE, AFTER = "as it was", "committed whole"


class LostError(Exception):
    """The repo is neither as it was nor committed whole, or something of the user's is gone."""


def git(repo: Path, *words: str) -> str:
    """Run git, and return what it says."""
    return subprocess.run(["git", *words], cwd=repo, check=True, capture_output=True, text=True).stdout


def make_repo(folder: Path) -> Workspace:
    """Make a repo with a user's own lines in it, and a plan that was applied there."""
    repo, workspace = folder / "repo", Workspace(folder / "work")
    workspace.work.mkdir(parents=True)
    for file, text in SHARED.items():
        (repo / file).parent.mkdir(parents=True, exist_ok=True)
        (repo / file).write_text(text)
    git(repo, "init", "-q")
    for name, value in (("user.name", "T"), ("user.email", "t@example.com"), ("commit.gpgsign", "false")):
        git(repo, "config", name, value)
    git(repo, "add", "--all")
    git(repo, "commit", "-qm", "before")
    changes = ChangeSet((repo,)).create(repo / CONFIG, "value: 1\n").create(repo / TUTORIAL, "words\n")
    changes = changes.edit(repo / INDEX, lambda text: _with(text, INDEX))
    files = tuple(sorted(file.as_posix() for file in (CONFIG, TUTORIAL, INDEX)))
    edits = edits_of(changes, {DELIVERY: repo}, workspace)
    roots = (str(folder), str(folder), str(repo))
    workspace.save_record(PlanRecord(NAME, "Nova", "native", {}, *roots, (), files, edits=edits))
    apply(changes, workspace.journal)
    staged = (repo / INIT).read_text() + STAGED
    (repo / INIT).write_text(staged)
    (repo / "own.txt").write_text(STAGED)
    git(repo, "add", INIT.as_posix(), "own.txt")
    (repo / INIT).write_text(UNSTAGED + staged)
    return workspace


def _with(text: str, file: Path) -> str:
    """Return a shared file with the plan's line before its last one that was committed."""
    last = SHARED[file].splitlines(keepends=True)[-1]
    return text if LINES[file] in text else text.replace(last, LINES[file] + last)


def prepare(workspace: Workspace) -> Prepared:
    """Return the commit, from what is on disk."""
    record = workspace.record(NAME)
    repo = Path(record.delivery)
    changes = ChangeSet((repo,), earlier=workspace.earlier())
    changes = changes.create(repo / TUTORIAL, "words\nfigures\n", generated=workspace.generated(repo / TUTORIAL))
    filled = set(changes.paths)
    changes = changes.create(repo / CODE, "class Nova: ...\n", generated=workspace.generated(repo / CODE))
    changes = changes.edit(repo / INIT, lambda text: _with(text, INIT))
    found = delivered(record, changes, filled, workspace)
    return Prepared(found.record, found.changes, found.contents, "", "[Model] Add nova\n", (), ())


def make_commit(workspace: Workspace) -> str:
    """Make the commit, as the command does."""
    recover(workspace)
    return commit_plan(workspace, prepare(workspace))


def expected() -> dict[PurePosixPath, str]:
    """Return what the commit has to hold."""
    texts = {CONFIG: "value: 1\n", TUTORIAL: "words\nfigures\n", CODE: "class Nova: ...\n"}
    texts |= {file: _with(text, file) for file, text in SHARED.items()}
    return {PurePosixPath(file.as_posix()): text for file, text in texts.items()}


def killed_before(act: Callable[[], object], number: int) -> int:
    """Do something in a process of its own, killed before a call that changes something; return how many it did."""
    read, write = os.pipe()
    process = os.fork()
    if process:
        os.close(write)
        os.waitpid(process, 0)
        with os.fdopen(read, "rb") as counted:
            return len(counted.read())
    os.close(read)
    done = [0]

    def watched(call: Callable[..., object]) -> Callable[..., object]:
        def counting(*args: object, **options: object) -> object:
            if done[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)
            done[0] += 1
            os.write(write, b".")
            return call(*args, **options)

        return counting

    os.replace = watched(os.replace)  # type: ignore[assignment]
    subprocess.Popen.__init__ = watched(subprocess.Popen.__init__)  # type: ignore[method-assign,assignment]
    try:
        act()
    finally:
        os._exit(0)


def killed_after(act: Callable[[], object], seconds: float) -> None:
    """Do something in a process of its own that is killed at a moment; what it had started ends by itself."""
    process = os.fork()
    if not process:
        os.setsid()
        try:
            act()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    while True:
        try:
            os.killpg(process, 0)
        except ProcessLookupError:
            return
        time.sleep(0.005)


def one_kill(folder: Path, kill: Callable[[Callable[[], object]], object]) -> str:
    """Kill a commit, look at what it left, and make it again; return how the repo was found.

    Raises:
        LostError: it is in between, or the user's lines are not as they were.
    """
    workspace = make_repo(folder)
    repo = folder / "repo"
    before, staged_before = git(repo, "rev-parse", "HEAD"), _staged(repo)
    kill(lambda: make_commit(workspace))
    found = told(repo, before)
    check(found == AFTER or _staged(repo) == staged_before, "the index of a commit that was not made is another")
    check_users_lines(repo)
    try:
        make_commit(workspace)
        check(found == BEFORE, "committed twice")
    except CheckFailed as error:
        check(found == AFTER and "nothing to commit" in error.found, f"not committed by the next call: {error}")
    check(told(repo, before) == AFTER, "not committed after the next call")
    check_users_lines(repo)
    seen = {line.lstrip("+") for line in _staged(repo).splitlines() if line.startswith("+") and line[:3] != "+++"}
    check(seen == {STAGED.strip()}, f"staged after the commit: {sorted(seen)}")
    return found


def told(repo: Path, before: str) -> str:
    """Return whether the repo is as it was or has the whole commit; anything else is lost."""
    if git(repo, "rev-parse", "HEAD") == before:
        return BEFORE
    check(git(repo, "rev-parse", "HEAD~") == before, "more than one commit")
    names = git(repo, "show", "--name-only", "--format=", "HEAD").split()
    texts = expected()
    check(sorted(names) == sorted(map(str, texts)), f"a commit of {names}")
    for file, text in texts.items():
        check(committed_text(repo, file) == text, f"{file} in the commit")
    return AFTER


def check_users_lines(repo: Path) -> None:
    """Check that a user's lines are where they were."""
    text = (repo / INIT).read_text()
    check(text.startswith(UNSTAGED) and STAGED in text, "a user's lines in the work tree")
    check(STAGED in git(repo, "show", f":{INIT.as_posix()}"), "a user's staged lines")
    check(UNSTAGED not in git(repo, "show", f":{INIT.as_posix()}"), "a user's line that was not staged")
    check(git(repo, "show", ":own.txt") == STAGED, "a user's staged file")


def _staged(repo: Path) -> str:
    return git(repo, "diff", "--cached", "-U0")


def calls(folder: Path) -> int:
    """Return how many calls of a commit change something."""
    workspace = make_repo(folder)
    return killed_before(lambda: make_commit(workspace), -1)


def check(holds: bool, what: str) -> None:
    """Raise `LostError` if something does not hold."""
    if not holds:
        raise LostError(what)


def main() -> int:
    """Kill; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance, found = random.Random(given.seed), Counter[tuple[str, str]]()
    folder = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
    with TemporaryDirectory(dir=folder) as scratch:
        points = calls(Path(scratch))
    with TemporaryDirectory(dir=folder) as scratch:
        workspace, started = make_repo(Path(scratch)), time.monotonic()
        make_commit(workspace)
        usual = time.monotonic() - started
    for number in range(given.times):
        at_call, seconds = chance.random() < 0.5, chance.uniform(0, 1.2 * usual)
        point = chance.randrange(points)
        with TemporaryDirectory(dir=folder) as scratch:
            kill = partial(killed_before, number=point) if at_call else partial(killed_after, seconds=seconds)
            try:
                found["a call" if at_call else "a moment", one_kill(Path(scratch), kill)] += 1
            except Exception as error:
                place = f"call {point}" if at_call else f"{seconds:.4f} s"
                print(f"kill {number} at {place}: LOST: {error!r}")
                return 1
    print(f"{given.times} kills at {points} calls and within {1.2 * usual:.2f} s, nothing lost")
    for (how, state), count in sorted(found.items()):
        print(f"  killed at {how}, the repo {state}: {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
