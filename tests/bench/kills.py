"""``make bench-kills``: runs and undos that are killed at random moments lose nothing.

A process writes a change set of seven files, one of them overwritten as it has a hard link, or takes it back,
and is killed. The tree then is as before, as after, or in between; what is in between, `undo` takes back.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from codemods import ChangeSet, Interrupted, NothingToUndo, apply, undo
from codemods.changes.journal_files import read_state
from tests.snapshots import Snapshot, snapshot

SIZE = 600_000
"""Bytes of each file: enough that a kill meets a run, even on a machine that is busy."""
NAMES = ("a.py", "b.py", "linked.py", "folder/c.py", "folder/d.py", "new/deep/e.py", "new/f.py")
NEW = frozenset(name for name in NAMES if name.startswith("new/"))
BEFORE, BETWEEN, AFTER = "as before", "in between", "as after"


class LostError(Exception):
    """A file is not what it was before, nor what the run made of it."""


def make_tree(root: Path, size: int) -> None:
    """Make the files that are there before a run."""
    for name in NAMES:
        if name not in NEW:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(f"{name}\n" * (size // (len(name) + 1)))
    (root / "linked.py").chmod(0o640)
    (root / "other_name.py").hardlink_to(root / "linked.py")


def changes_of(root: Path, size: int) -> ChangeSet:
    """Return what the run changes."""
    changes = ChangeSet((root,))
    for name in NAMES:
        path = root / name
        changes = changes.create(path, "new\n" * (size // 4)) if name in NEW else changes.edit(path, str.upper)
    return changes


def killed_after(act: Callable[[], object], seconds: float) -> bool:
    """Do something in a process of its own, and kill it so many seconds after it began; return whether it had ended."""
    read, write = os.pipe()
    process = os.fork()
    if not process:
        os.close(read)
        os.write(write, b"!")
        act()
        os._exit(0)
    os.close(write)
    os.read(read, 1)
    os.close(read)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1] == 0


def one_kill(folder: Path, is_undo: bool, seconds: float, size: int = SIZE) -> str:
    """Kill a run, or an undo, and take back what it left; return how it was found.

    Raises:
        LostError: something of the tree before cannot be had again.
    """
    root, journal = folder / "tree", folder / "journal"
    make_tree(root, size)
    before, changes = snapshot(root), changes_of(root, size)
    if is_undo:
        apply(changes, journal)
    killed_after(lambda: undo(journal) if is_undo else apply(changes, journal), seconds)
    state, found = read_state(journal), told(root, before, changes)
    if not state.finished:
        check(refuses(changes, journal), "a run goes on from a state in between")
        found = BETWEEN
    check(found != BETWEEN or not state.finished, "a state in between that the journal does not know")
    try:
        undo(journal)
    except NothingToUndo:
        check(found == BEFORE, "a run that cannot be taken back")
    check(snapshot(root) == before, f"not as before again: {found}")
    check((root / "other_name.py").samefile(root / "linked.py"), "a hard link")
    return found


def told(root: Path, before: Snapshot, changes: ChangeSet) -> str:
    """Return what the files are: as before, as after, or in between."""
    if snapshot(root) == before:
        return BEFORE
    if all(change.path.is_file() and change.path.read_bytes() == change.after for change in changes.changes):
        return AFTER
    return BETWEEN


def refuses(changes: ChangeSet, journal: Path) -> bool:
    """Return whether a run is refused, as it has to be while another one is cut off."""
    try:
        apply(changes, journal)
    except Interrupted:
        return True
    return False


def check(holds: bool, what: str) -> None:
    """Raise `LostError` if something does not hold."""
    if not holds:
        raise LostError(what)


def duration(folder: Path, size: int) -> float:
    """Return how many seconds a run takes here at the least: the half of what it takes with its undo."""
    make_tree(folder / "tree", size)
    changes, seconds = changes_of(folder / "tree", size), []
    for _ in range(5):
        started = time.monotonic()
        apply(changes, folder / "journal")
        undo(folder / "journal")
        seconds.append((time.monotonic() - started) / 2)
    return min(seconds)


def main() -> int:
    """Kill; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the trees lie (default: in memory)")
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of each file")
    given = parser.parse_args()
    chance, found = random.Random(given.seed), Counter[tuple[str, str]]()
    folder = given.folder or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    with TemporaryDirectory(dir=folder) as scratch:
        usual = duration(Path(scratch, "usual"), given.size)
    for number in range(given.times):
        is_undo, seconds = chance.random() < 0.5, chance.uniform(0, 1.2 * usual)
        with TemporaryDirectory(dir=folder) as scratch:
            try:
                found["undo" if is_undo else "run", one_kill(Path(scratch), is_undo, seconds, given.size)] += 1
            except LostError as error:
                print(f"kill {number}: LOST: {error}")
                return 1
    print(f"{given.times} kills, nothing lost")
    for (act, state), count in sorted(found.items()):
        print(f"  {act} killed, the tree {state}: {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
