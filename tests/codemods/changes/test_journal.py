import itertools
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemods import ChangeSet, NothingToUndo, Refusal, apply, generated_digest, undo
from codemods.changes.digest import sha256
from codemods.changes.disk import Disk
from codemods.changes.journal_files import read_state
from tests.drawn import examples
from tests.sampled import costly, sampled


class Crash(BaseException):
    """The process is gone: nothing runs after it, no handler, no clean-up."""


class CrashingDisk(Disk):
    """Dies at one step: before it, in the middle of a write, or after it."""

    def __init__(self, last_step: int, *, part: str) -> None:
        self.steps_left, self.part, self.is_dead = last_step, part, False

    def _step(self, action, *arguments):
        if self.is_dead:
            raise Crash
        self.steps_left -= 1
        if self.steps_left >= 0:
            action(*arguments)
            return
        self.is_dead = True
        if self.part == "after":
            action(*arguments)
        elif self.part == "within" and action.__name__ in ("write", "overwrite"):
            path, content, *rest = arguments
            action(path, content[: len(content) // 2], *rest)
        raise Crash

    def write(self, *arguments):
        self._step(super().write, *arguments)

    def overwrite(self, *arguments):
        self._step(super().overwrite, *arguments)

    def replace(self, *arguments):
        self._step(super().replace, *arguments)

    def remove(self, *arguments):
        self._step(super().remove, *arguments)

    def make_directory(self, *arguments):
        self._step(super().make_directory, *arguments)

    def remove_directory(self, *arguments):
        self._step(super().remove_directory, *arguments)

    def sync_directory(self, *arguments):
        self._step(super().sync_directory, *arguments)


class FailingDisk(CrashingDisk):
    """Is full at one step, and works again after it."""

    def _step(self, action, *arguments):
        self.steps_left -= 1
        if self.steps_left == -1:
            raise OSError(28, "No space left on device", str(arguments[0]))
        action(*arguments)


def snapshot(root: Path) -> dict[str, object]:
    return {
        str(path.relative_to(root)): (
            stat.S_IMODE(path.stat().st_mode),
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(root.rglob("*"))
    }


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.txt").write_text("a\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o751)
    return root


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


def changes_of(tree: Path) -> ChangeSet:
    return (
        ChangeSet((tree,))
        .edit(tree / "a.txt", str.upper)
        .create(tree / "new/deep/b.txt", "b\n")
        .edit(tree / "run.sh", lambda text: text + "true\n")
        .create(tree / "new/c.txt", "c\n")
    )


def test_apply_writes_and_undo_restores_every_byte_and_mode(tree, journal):
    before, changes = snapshot(tree), changes_of(tree)
    apply(changes, journal)
    assert (tree / "a.txt").read_text() == "A\n"
    assert (tree / "new/deep/b.txt").read_text() == "b\n"
    assert stat.S_IMODE((tree / "run.sh").stat().st_mode) == 0o751
    assert undo(journal) == changes
    assert snapshot(tree) == before


def test_undo_goes_back_step_by_step_each_run_whole(tree, journal):
    states = [snapshot(tree)]
    for number in range(4):
        changes = ChangeSet((tree,)).edit(tree / "a.txt", lambda text, n=number: f"{text}{n}")
        apply(changes.create(tree / f"new/{number}.txt", "new"), journal)
        states.append(snapshot(tree))
    for number in reversed(range(4)):
        assert undo(journal).paths == (tree / "a.txt", tree / f"new/{number}.txt")
        assert snapshot(tree) == states[number]
    with pytest.raises(NothingToUndo, match="no run to take back"):
        undo(journal)
    assert snapshot(tree) == states[0]
    assert not list(journal.glob("runs/*"))


def test_where_nothing_was_ever_run_nothing_is_left_behind(tmp_path):
    with pytest.raises(NothingToUndo, match="no run to take back"):
        undo(tmp_path / ".scaffold" / "journal")
    assert not list(tmp_path.iterdir())


def test_a_run_after_undo_takes_its_place(tree, journal):
    for text in ("first", "second"):
        apply(ChangeSet((tree,)).edit(tree / "a.txt", lambda _, new=text: new), journal)
    undo(journal)
    apply(ChangeSet((tree,)).edit(tree / "a.txt", lambda _: "third"), journal)
    undo(journal)
    assert (tree / "a.txt").read_text() == "first"
    undo(journal)
    assert (tree / "a.txt").read_text() == "a\n"


def test_what_continues_a_run_is_taken_back_with_it(tree, journal):
    before = snapshot(tree)
    apply(changes_of(tree), journal)
    for text in ("filled", "filled again"):
        filled = ChangeSet((tree,)).edit(tree / "new/c.txt", lambda _, new=text: new)
        apply(filled, journal, continues=tree / "new/c.txt")
    assert set(undo(journal).paths) == {tree / name for name in ("a.txt", "new/deep/b.txt", "run.sh", "new/c.txt")}
    assert snapshot(tree) == before


def test_the_last_part_of_a_run_is_taken_back_alone_where_that_is_asked_for(tree, journal):
    apply(changes_of(tree), journal)
    after = snapshot(tree)
    apply(ChangeSet((tree,)).edit(tree / "a.txt", lambda text: f"{text}more\n"), journal, continues=tree / "new/c.txt")
    assert undo(journal, whole=False).paths == (tree / "a.txt",)
    assert snapshot(tree) == after


def test_what_continues_no_run_that_wrote_its_file_is_a_run_of_its_own(tree, journal):
    apply(ChangeSet((tree,)).edit(tree / "a.txt", str.upper), journal)
    apply(ChangeSet((tree,)).edit(tree / "run.sh", str.upper), journal, continues=tree / "new/c.txt")
    assert undo(journal).paths == (tree / "run.sh",)
    assert undo(journal).paths == (tree / "a.txt",)


def test_a_run_whose_last_part_a_person_edited_stays_whole(tree, journal):
    apply(changes_of(tree), journal)
    apply(ChangeSet((tree,)).edit(tree / "new/c.txt", lambda _: "filled"), journal, continues=tree / "new/c.txt")
    (tree / "a.txt").write_text("mine\n")
    after = snapshot(tree)
    with pytest.raises(Refusal, match=r"a\.txt: the file was edited since"):
        undo(journal)
    assert snapshot(tree) == after


def test_the_journal_of_an_earlier_version_can_be_undone(tree, journal):
    before = snapshot(tree)
    apply(changes_of(tree), journal)
    state = json.loads((journal / "state.json").read_text())
    record = json.loads((journal / "runs/1/record.json").read_text())
    del record["continues"]
    (journal / "runs/1/record.json").write_text(json.dumps(record))
    state["run"] = state.pop("undoable")[0]
    (journal / "state.json").write_text(json.dumps(state))
    undo(journal)
    assert snapshot(tree) == before


def test_undo_refuses_if_a_person_edited_a_file_and_restores_nothing(tree, journal):
    apply(changes_of(tree), journal)
    (tree / "new/c.txt").write_text("mine\n")
    after = snapshot(tree)
    with pytest.raises(Refusal, match=r"new/c\.txt: the file was edited since"):
        undo(journal)
    assert snapshot(tree) == after


def test_undo_keeps_what_a_person_put_into_a_new_directory(tree, journal):
    apply(changes_of(tree), journal)
    (tree / "new/mine.txt").write_text("mine\n")
    undo(journal)
    assert [path.name for path in (tree / "new").iterdir()] == ["mine.txt"]


def test_apply_refuses_if_a_file_changed_since_and_writes_nothing(tree, journal):
    changes = changes_of(tree)
    (tree / "new").mkdir()
    (tree / "new/c.txt").write_text("mine\n")
    before = snapshot(tree)
    with pytest.raises(Refusal, match="changed since the change set was made"):
        apply(changes, journal)
    assert snapshot(tree) == before


def test_an_empty_change_set_is_no_run(tree, journal):
    apply(changes_of(tree), journal)
    apply(ChangeSet((tree,)), journal)
    assert not undo(journal).is_empty


def test_what_was_generated_last_is_known_and_forgotten_with_undo(tree, journal):
    path = tree / "new.txt"
    apply(ChangeSet((tree,)).create(path, "1").edit(tree / "a.txt", str.upper), journal)
    assert generated_digest(journal, path) == sha256(b"1")
    assert generated_digest(journal, tree / "a.txt") is None
    again = ChangeSet((tree,)).create(path, "2", generated=generated_digest(journal, path))
    apply(again, journal)
    assert generated_digest(journal, path) == sha256(b"2")
    undo(journal)
    assert (path.read_text(), generated_digest(journal, path)) == ("1", sha256(b"1"))


def test_a_run_that_the_disk_refuses_is_taken_back_at_once(tree, journal):
    before = snapshot(tree)
    for step in itertools.count():
        try:
            apply(changes_of(tree), journal, disk=FailingDisk(step, part="before"))
        except Refusal as refusal:
            refused = str(refusal)
        else:
            break
        assert "No space left on device" in refused
        assert snapshot(tree) == before
    assert step > 15
    undo(journal)
    assert snapshot(tree) == before


def test_a_directory_that_cannot_be_written_to_is_a_refusal(tree):
    (tree / "file").touch()
    with pytest.raises(Refusal, match="the disk reported an error"):
        apply(changes_of(tree), tree / "file/journal")


def test_a_run_that_was_cut_off_must_be_undone_before_the_next(tree, journal):
    before, changes = snapshot(tree), changes_of(tree)
    with pytest.raises(Crash):
        apply(changes, journal, disk=CrashingDisk(17, part="before"))
    assert snapshot(tree) != before
    with pytest.raises(Refusal, match="an earlier run was interrupted"):
        apply(ChangeSet((tree,)).create(tree / "z", "z"), journal)
    undo(journal)
    assert snapshot(tree) == before


def test_a_damaged_journal_is_a_refusal(tree, journal):
    apply(changes_of(tree), journal)
    (journal / "runs/1/0.before").write_text("damaged")
    with pytest.raises(Refusal, match="the journal is damaged"):
        undo(journal)
    (journal / "runs/1/record.json").write_text("{}")
    with pytest.raises(Refusal, match="the journal is damaged"):
        undo(journal)
    (journal / "state.json").write_text("[1]")
    with pytest.raises(Refusal, match="the journal is damaged"):
        generated_digest(journal, tree)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"undoable": "1"}, "expected int, found '1' @ $.undoable[0]"),
        ({"undoable": [True]}, "expected int, found True"),
        ({"finished": 1}, "expected bool, found 1 @ $.finished"),
        ({"generated": {"a": None}}, "expected str, found None"),
        ({"undone": [1]}, "extra fields found"),
        ([1], "no object"),
    ],
)
def test_a_journal_of_other_types_names_the_field(journal, state, says):
    journal.mkdir(parents=True, exist_ok=True)
    (journal / "state.json").write_text(json.dumps(state))
    with pytest.raises(Refusal) as refused:
        undo(journal)
    assert says in refused.value.found
    assert refused.value.where == str(journal / "state.json")


IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where waiting for the disk costs nothing: crashes here are of the process, not of the machine."""
NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "new/x", "new/deep/y", "new/deep/z"])
FILES = st.dictionaries(NAMES, st.tuples(st.binary(max_size=9), st.sampled_from([0o644, 0o755])))
EDITS = st.dictionaries(NAMES, st.text("xyz\n", max_size=9), min_size=1)


def make_tree(root: Path, files: dict[str, tuple[bytes, int]]) -> None:
    for name, (content, mode) in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.replace(b"\xff", b""))
        path.chmod(mode)
        if path.name == "b":  # such a file is overwritten, and may be half-written
            path.with_name("linked").hardlink_to(path)


def make_changes(root: Path, edits: dict[str, str]) -> ChangeSet:
    changes = ChangeSet((root,))
    for name, text in edits.items():
        path = root / name
        known = sha256(path.read_bytes()) if path.exists() else None
        changes = changes.create(path, text, generated=known)
    return changes


@examples(10)
@given(FILES, EDITS, EDITS, st.sampled_from(["before", "within", "after"]), st.integers(0, 5), st.integers(5, 9))
def test_whatever_is_changed_and_wherever_it_crashes_undo_restores_every_byte(files, earlier, edits, part, first, by):
    """It crashes at every so many-th step, which meet all steps in turn from example to example."""
    with TemporaryDirectory(dir=IN_MEMORY) as directory:
        root, journal = Path(directory, "tree"), Path(directory, "journal")
        root.mkdir()
        make_tree(root, files)
        oldest = snapshot(root)
        apply(make_changes(root, earlier), journal)
        had_earlier_run = snapshot(root) != oldest
        before = snapshot(root)
        changes = make_changes(root, edits)
        for step in itertools.count(first, by):
            try:
                apply(changes, journal, disk=CrashingDisk(step, part=part))
            except Crash:
                if snapshot(root) == before and not has_begun(journal):
                    continue  # the run never started: undo would take back the run before it
                undo_with_crashes(journal, part, itertools.count(step % by, by))
                assert snapshot(root) == before
            else:
                break
        assert {change.path.read_bytes() for change in changes.changes} == {change.after for change in changes.changes}
        for state in ([before] if not changes.is_empty else []) + ([oldest] if had_earlier_run else []):
            undo(journal)
            assert snapshot(root) == state
        assert not list(journal.glob("runs/*"))


def has_begun(journal: Path) -> bool:
    try:
        apply(
            ChangeSet((journal,)).create(journal / "probe", ""),
            journal,
            disk=CrashingDisk(0, part="before"),
        )
    except Refusal:
        return True
    except Crash:
        return False
    raise AssertionError


def undo_with_crashes(journal: Path, part: str, steps: Iterator[int]) -> None:
    """Crash at these steps of undo in turn, until one gets through or the run is taken back."""
    runs = read_state(journal).undoable
    for step in steps:
        with suppress(Crash):
            undo(journal, disk=CrashingDisk(step, part=part))
        if read_state(journal).undoable != runs:
            return


KILLED = """
import os, sys, signal
from pathlib import Path
from codemods import ChangeSet, apply
from codemods.changes.disk import Disk

root, journal, last_step = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

class KilledDisk(Disk):
    steps = 0
    def __getattribute__(self, name):
        if name in ("write", "replace", "make_directory", "sync_directory"):
            KilledDisk.steps += 1
            if KilledDisk.steps > last_step:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__getattribute__(name)

changes = ChangeSet((root,)).edit(root / "a.txt", str.upper).create(root / "n/b.txt", "b")
apply(changes, journal, disk=KilledDisk())
"""


@costly
def test_runs_and_undos_that_are_killed_at_random_moments_lose_nothing():
    """A sample; ``make bench-kills`` has five hundred."""
    command = [sys.executable, "-m", "tests.bench.kills", "--times=10", "--seed=1", "--size=100000"]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "10 kills, nothing lost"), done.stdout + done.stderr


@pytest.mark.parametrize("last_step", sampled([9, 10, 11, 12, 13, 14, 15], every=4))
def test_a_process_that_is_really_killed_leaves_what_undo_restores(tree, journal, last_step):
    before = snapshot(tree)
    command = [sys.executable, "-c", KILLED, str(tree), str(journal), str(last_step)]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    try:
        undo(journal)
    except Refusal:
        assert not (journal / "state.json").exists()
    assert snapshot(tree) == before
