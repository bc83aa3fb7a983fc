"""Put a change set on disk as a whole, and take runs back, the last one first, each as a whole.

A write-ahead journal. Before the first file of a tree is touched, copies of all old bytes and the
record of the run are on the disk (``fsync``), and ``state.json`` names the run. Each file is then
replaced atomically, or overwritten where only that keeps what it is (`codemods.changes.placing`). So
after a crash at any point the trees are as before, as after, or `undo` makes them as before. A run that
fails without a crash (a full disk, a file without permission, Ctrl-C) is taken back at once. What the
journal directory holds: `codemods.changes.journal_files`.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from codemods.changes.change_set import ChangeSet, content_on_disk
from codemods.changes.digest import sha256
from codemods.changes.disk import Disk
from codemods.changes.journal_files import (
    File,
    Record,
    State,
    read_generated,
    read_record,
    read_state,
    remove_other_runs,
    write_generated,
    write_merged,
    write_run,
    write_state,
)
from codemods.changes.lock import locked, places_to_lock
from codemods.changes.merging import Earlier
from codemods.changes.out_of_sight import keep_out_of_git
from codemods.changes.placing import check_writable, has_to_be_overwritten, mode_of, owner_of, put
from codemods.changes.taking_back import last_run, restore, undone
from codemods.refusal import Interrupted, NothingToUndo, Outdated, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def apply(change_set: ChangeSet, journal_dir: Path, *, continues: Path | None = None, disk: Disk | None = None) -> None:
    """Write all changes to disk, remembering how to take them back.

    ``continues``: `undo` takes them back together with the run before, if that wrote this
    file, as they are a later part of what it did. Raises `Refusal`, with nothing written, if a
    file is no longer what the change set started from (`Outdated`), if it is read-only, if an earlier run
    was cut off and not undone, if another run goes on writing to the same tree, or if the disk refuses a write.
    """
    if change_set.is_empty:
        return
    disk = disk or Disk()
    with ExitStack() as held:
        _hold_journal(held, journal_dir)
        _hold_trees(held, change_set.paths, change_set.roots, journal_dir)
        state = read_state(journal_dir)
        if not state.finished:
            raise Interrupted(
                "an earlier run was interrupted",
                where=str(journal_dir),
                expected="a finished run",
                remedy="take it back with undo, then run again",
            )
        _check_unchanged(change_set)
        for path in change_set.paths:
            check_writable(path)
        record = _record(change_set, state, _wrote(journal_dir, state, continues))
        number = state.runs + 1
        started = replace(state, undoable=[*state.undoable, number], runs=number, finished=False)
        generated = _generated(change_set, state)
        digests = {path: sha256(content) for path, content in generated.items()}
        done = replace(started, finished=True, generated={**state.generated, **digests})
        try:
            write_run(record, change_set.changes, journal_dir, number, disk)
            write_generated(generated.values(), journal_dir, disk)
            write_state(started, journal_dir, disk)
            _write_changes(change_set, record, number, disk)
            write_state(done, journal_dir, disk)
        except BaseException as error:
            _take_back(record, state, journal_dir, number, disk)
            if isinstance(error, OSError):
                raise _refused_by_disk(error, "every file is as it was before") from error
            raise
        with suppress(OSError):  # what is left over is removed with the next run
            remove_other_runs(journal_dir, done, disk)


def undo(journal_dir: Path, *, whole: bool = True, disk: Disk | None = None) -> ChangeSet:
    """Take the last run back, byte by byte and mode by mode; returns what was taken back.

    A run that was continued is taken back with what continued it, unless ``whole`` is false. Files
    that are as before already (after a crash) are left out of what is returned. Of a file that was edited since,
    the run's own lines are taken back. Raises `Refusal`, with nothing restored, if no run is left
    (`NothingToUndo`) or if those edits touch the run's own lines, with the file and the lines.
    """
    disk = disk or Disk()
    if not journal_dir.is_dir():  # and none is made
        raise _nothing_to_undo(journal_dir)
    with ExitStack() as held:
        _hold_journal(held, journal_dir)
        state = read_state(journal_dir)
        numbers = last_run(journal_dir, state)[: None if whole else 1]
        if not numbers:
            raise _nothing_to_undo(journal_dir)
        records = [read_record(journal_dir, number) for number in numbers]
        files = {Path(file.path) for record in records for file in record.files}
        roots = tuple(dict.fromkeys(Path(root) for record in records for root in record.roots))
        _hold_trees(held, files, roots, journal_dir)
        taken_back = undone(records, numbers, roots, journal_dir, state)
        try:
            write_merged(taken_back.merged, journal_dir, disk)
            if state.finished:
                write_state(replace(state, finished=False), journal_dir, disk)
            for number, record in zip(numbers, records, strict=True):
                restore(record, journal_dir, number, disk, taken_back.merged)
                rest = [other for other in state.undoable if other != number]
                is_whole = number == numbers[-1]
                state = replace(state, undoable=rest, finished=is_whole, generated=record.generated_before)
                write_state(state, journal_dir, disk)
        except OSError as error:
            raise _refused_by_disk(error, "remove the cause, then run undo again") from error
        with suppress(OSError):  # what is left over is removed with the next run
            remove_other_runs(journal_dir, state, disk)
    return taken_back.changes


def take_back_cut_off_part(journal_dir: Path, *, disk: Disk | None = None) -> bool:
    """Take back a run that was cut off, if it continued another one, which stays; return whether there was one.

    Raises `Refusal` as `undo` does.
    """
    state = read_state(journal_dir)
    if state.finished or not state.undoable or not read_record(journal_dir, state.undoable[-1]).continues:
        return False
    undo(journal_dir, whole=False, disk=disk)
    return True


def generated_digest(journal_dir: Path, path: Path) -> str | None:
    """SHA-256 (hex) of what the tool wrote last to a file that it created, None if it did not."""
    return read_state(journal_dir).generated.get(str(path.resolve()))


def generated_text(journal_dir: Path, path: Path) -> str | None:
    """Return what the tool wrote last to a file that it created; None if it did not, or kept no copy."""
    content = read_generated(journal_dir, path)
    return None if content is None else content.decode()


def earlier_of(journal_dir: Path, *, force: bool = False) -> Earlier:
    """Return what a journal knows of generated files; ``force``: they are replaced, and never merged."""
    return Earlier(partial(generated_text, journal_dir), force)


def runs_so_far(journal_dir: Path) -> int:
    """Return the number of the last run that was ever started; 0 where there was none."""
    return read_state(journal_dir).runs


def written_since(journal_dir: Path, runs: int) -> tuple[tuple[Path, ...], bool]:
    """Return the files of runs after that number that stand, and whether the last run was cut off half-way."""
    state = read_state(journal_dir)
    records = [read_record(journal_dir, number) for number in state.undoable if number > runs]
    files = dict.fromkeys(Path(file.path) for record in records for file in record.files)
    return tuple(files), not state.finished


# --- apply ---------------------------------------------------------------------------------


def _check_unchanged(change_set: ChangeSet) -> None:
    for change in change_set.changes:
        if content_on_disk(change.path) != change.before:
            raise Outdated(
                "the file changed since the change set was made",
                where=str(change.path),
                expected="the content that the changes start from",
                remedy="run again",
            )


def _wrote(journal_dir: Path, state: State, path: Path | None) -> bool:
    """Return whether the last run, or what continued it, wrote a file."""
    records = [read_record(journal_dir, number) for number in last_run(journal_dir, state)] if path else []
    return any(file.path == str(path.resolve()) for record in records for file in record.files if path)


def _record(change_set: ChangeSet, state: State, continues: bool) -> Record:
    files, directories = [], []
    for change in change_set.changes:
        mode = None if change.before is None else mode_of(change.path)
        before, after = (None if b is None else sha256(b) for b in (change.before, change.after))
        overwritten, owner = has_to_be_overwritten(change.path), owner_of(change.path)
        files.append(File(str(change.path), mode, before, after, overwritten, owner))
        missing = [str(parent) for parent in change.path.parents if not parent.exists()]
        directories += [parent for parent in reversed(missing) if parent not in directories]
    roots = [str(root) for root in change_set.roots]
    return Record(roots, files, directories, state.generated, continues)


def _write_changes(change_set: ChangeSet, record: Record, number: int, disk: Disk) -> None:
    for directory in record.directories:
        disk.make_directory(Path(directory))
    for change, file in zip(change_set.changes, record.files, strict=True):
        put(change.path, change.after, file.mode, number, disk, overwrite=file.overwritten)


def _take_back(record: Record, state: State, journal_dir: Path, number: int, disk: Disk) -> None:
    """Make everything as before a run that failed, the earlier runs' undo included."""
    try:
        restore(record, journal_dir, number, disk)
        if read_state(journal_dir) != state:
            write_state(state, journal_dir, disk)
    except OSError as error:
        raise _refused_by_disk(error, "then run undo, which makes the files as before") from error


def _generated(change_set: ChangeSet, state: State) -> dict[str, bytes]:
    """Return what was generated for each file that is the tool's own; a person's edits are no part of it."""
    found = {}
    for change in change_set.changes:
        was = state.generated.get(str(change.path))
        if change.generated is not None:
            found[str(change.path)] = change.generated
        elif change.after is not None and change.before is not None and sha256(change.before) == was:
            found[str(change.path)] = change.after
    return found


def _nothing_to_undo(journal_dir: Path) -> NothingToUndo:
    return NothingToUndo(
        "there is no run to take back",
        where=str(journal_dir),
        expected="a run that was applied and not undone yet",
        remedy="there is nothing to do; if runs were made from another work directory, run it there",
    )


# --- both ----------------------------------------------------------------------------------


def _hold_journal(held: ExitStack, journal_dir: Path) -> None:
    """Keep other runs out of the journal. It comes before the trees in each run, so that no two wait for each other."""
    try:
        journal_dir.mkdir(parents=True, exist_ok=True)
        keep_out_of_git(journal_dir)
        held.enter_context(locked([journal_dir]))
    except OSError as error:
        raise _refused_by_disk(error, "nothing was changed") from error


def _hold_trees(held: ExitStack, files: Iterable[Path], roots: Sequence[Path], journal_dir: Path) -> None:
    """Keep other runs out of the trees of these files."""
    places = places_to_lock(files, [root.resolve() for root in roots])
    try:
        held.enter_context(locked(place for place in places if not place.samefile(journal_dir)))
    except OSError as error:
        raise _refused_by_disk(error, "nothing was changed") from error


def _refused_by_disk(error: OSError, outcome: str) -> Refusal:
    return Refusal(
        f"the disk reported an error: {error.strerror or error}",
        where=str(error.filename2 or error.filename or "?"),
        expected="a directory that can be written to",
        remedy=f"check permissions and free space; {outcome}",
    )
