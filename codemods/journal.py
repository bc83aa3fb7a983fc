"""Put a change set on disk as a whole, and take the last one back as a whole.

A write-ahead journal. Before the first file of a tree is touched, copies of all old bytes and the
record of the run are on the disk (``fsync``), and ``state.json`` names the run. Each file is then
replaced atomically. So after a crash at any point the trees are as before, as after, or `undo`
makes them as before. A run that fails without a crash (a full disk, a file without permission,
Ctrl-C) is taken back at once.

The journal directory holds ``state.json`` (the only thing that is ever replaced, see `_State`)
and ``runs/<number>/`` with ``record.json`` (see `_Record`) and the copies ``0.before`` and so on.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codemods.change_set import Change, ChangeSet, content_on_disk, sha256
from codemods.disk import Disk
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class _File:
    """One file of a run: where it is, what it was (None: it did not exist) and what it became."""

    path: str
    mode: int | None
    before: str | None
    after: str | None


@dataclass(frozen=True)
class _Record:
    """One run. ``directories`` are those that it makes, outermost first."""

    roots: list[str]
    files: list[_File]
    directories: list[str]
    generated_before: dict[str, str]


@dataclass(frozen=True)
class _State:
    """``run`` is the run that `undo` takes back, ``finished`` whether all of it is on disk.

    ``generated`` maps each file that the tool created to the SHA-256 of what it wrote last.
    """

    run: int | None = None
    finished: bool = True
    runs: int = 0
    generated: dict[str, str] = field(default_factory=dict)


def apply(change_set: ChangeSet, journal_dir: Path, *, disk: Disk | None = None) -> None:
    """Write all changes to disk, remembering how to take them back.

    Raises `Refusal`, with nothing written, if a file is no longer what the change set started
    from, if an earlier run was cut off and not undone, or if the disk refuses a write.
    """
    if change_set.is_empty:
        return
    disk = disk or Disk()
    with _locked(journal_dir):
        state = _read_state(journal_dir)
        if not state.finished:
            raise Refusal(
                "an earlier run was cut off half-way",
                where=str(journal_dir),
                expected="a finished run",
                remedy="take it back with undo, then run again",
            )
        _check_unchanged(change_set)
        record = _record(change_set, state)
        number = state.runs + 1
        started = replace(state, run=number, runs=number, finished=False)
        done = replace(started, finished=True, generated=_generated(change_set, state))
        try:
            _write_journal(change_set, record, journal_dir, number, disk)
            _write_state(started, journal_dir, disk)
            _write_changes(change_set, record, number, disk)
            _write_state(done, journal_dir, disk)
        except BaseException as error:
            _take_back(record, state, journal_dir, number, disk)
            if isinstance(error, OSError):
                raise _refused_by_disk(error, "every file is as it was before") from error
            raise
        with suppress(OSError):  # what is left over is removed with the next run
            _remove_other_runs(journal_dir, number, disk)


def undo(journal_dir: Path, *, disk: Disk | None = None) -> ChangeSet:
    """Take the last run back, byte by byte and mode by mode; returns what was taken back.

    Files of the run that are as before already (after a crash) are left out of what is returned.
    Raises `Refusal`, with nothing restored, if there is no run to take back or if a file was
    edited since, which it names.
    """
    disk = disk or Disk()
    with _locked(journal_dir):
        state = _read_state(journal_dir)
        if state.run is None:
            raise Refusal(
                "there is no run to take back",
                where=str(journal_dir),
                expected="a run that was applied and not undone yet",
                remedy="nothing is to be done",
            )
        record = _read_record(journal_dir, state.run)
        undone = _undone(record, journal_dir, state.run)
        try:
            _restore(record, journal_dir, state.run, disk)
            rest = replace(state, run=None, finished=True, generated=record.generated_before)
            _write_state(rest, journal_dir, disk)
            _remove_other_runs(journal_dir, None, disk)
        except OSError as error:
            raise _refused_by_disk(error, "remove the cause, then run undo again") from error
    return undone


def generated_digest(journal_dir: Path, path: Path) -> str | None:
    """SHA-256 (hex) of what the tool wrote last to a file that it created, None if it did not."""
    return _read_state(journal_dir).generated.get(str(path.resolve()))


# --- apply ---------------------------------------------------------------------------------


def _check_unchanged(change_set: ChangeSet) -> None:
    for change in change_set.changes:
        if content_on_disk(change.path) != change.before:
            raise Refusal(
                "the file changed since the change set was made",
                where=str(change.path),
                expected="the content that the changes start from",
                remedy="run again",
            )


def _record(change_set: ChangeSet, state: _State) -> _Record:
    files, directories = [], []
    for change in change_set.changes:
        mode = None if change.before is None else stat.S_IMODE(change.path.stat().st_mode)
        before, after = (None if b is None else sha256(b) for b in (change.before, change.after))
        files.append(_File(str(change.path), mode, before, after))
        missing = [str(parent) for parent in change.path.parents if not parent.exists()]
        directories += [parent for parent in reversed(missing) if parent not in directories]
    roots = [str(root) for root in change_set.roots]
    return _Record(roots, files, directories, state.generated)


def _write_journal(change_set: ChangeSet, record: _Record, journal_dir: Path, number: int, disk: Disk) -> None:
    run = _run_directory(journal_dir, number)
    disk.make_directory(run.parent)
    disk.make_directory(run)
    for index, change in enumerate(change_set.changes):
        if change.before is not None:
            disk.write(run / f"{index}.before", change.before)
    disk.write(run / "record.json", json.dumps(asdict(record), indent=1).encode())
    disk.sync_directory(run)
    disk.sync_directory(run.parent)


def _write_changes(change_set: ChangeSet, record: _Record, number: int, disk: Disk) -> None:
    for directory in record.directories:
        disk.make_directory(Path(directory))
    for change, file in zip(change_set.changes, record.files, strict=True):
        _put(change.path, change.after, file.mode, number, disk)


def _take_back(record: _Record, state: _State, journal_dir: Path, number: int, disk: Disk) -> None:
    """Make everything as before a run that failed, the earlier run's undo included."""
    try:
        _restore(record, journal_dir, number, disk)
        if _read_state(journal_dir) != state:
            _write_state(state, journal_dir, disk)
    except OSError as error:
        raise _refused_by_disk(error, "then run undo, which makes the files as before") from error


def _generated(change_set: ChangeSet, state: _State) -> dict[str, str]:
    written = {
        str(change.path): sha256(change.after)
        for change in change_set.changes
        if change.after is not None and (change.before is None or str(change.path) in state.generated)
    }
    return {**state.generated, **written}


# --- undo ----------------------------------------------------------------------------------


def _undone(record: _Record, journal_dir: Path, number: int) -> ChangeSet:
    changes = []
    for index, file in enumerate(record.files):
        content = content_on_disk(Path(file.path))
        current = None if content is None else sha256(content)
        if current == file.before:
            continue
        if current != file.after:
            raise Refusal(
                "the file was edited since the run that wrote it",
                where=file.path,
                expected="what the run wrote, or what was there before",
                remedy="keep the edit elsewhere, restore the file, and run undo again; no file was restored",
            )
        changes.append(Change(Path(file.path), _copy(file, index, journal_dir, number), content))
    return ChangeSet(tuple(Path(root) for root in record.roots), tuple(changes))


def _restore(record: _Record, journal_dir: Path, number: int, disk: Disk) -> None:
    for index, file in enumerate(record.files):
        path = Path(file.path)
        disk.remove(_temporary(path, number))
        content = content_on_disk(path)
        if (None if content is None else sha256(content)) != file.before:
            _put(path, _copy(file, index, journal_dir, number), file.mode, number, disk)
    for directory in reversed(record.directories):
        disk.remove_directory(Path(directory))


def _copy(file: _File, index: int, journal_dir: Path, number: int) -> bytes | None:
    if file.before is None:
        return None
    copy = _run_directory(journal_dir, number) / f"{index}.before"
    content = content_on_disk(copy)
    if content is None or sha256(content) != file.before:
        raise _damaged(copy, "it is missing or not what was written")
    return content


# --- the journal's own files ---------------------------------------------------------------


def _put(path: Path, content: bytes | None, mode: int | None, number: int, disk: Disk) -> None:
    """Bring one file to ``content`` in one atomic step."""
    if content is None:
        disk.remove(path)
    else:
        temporary = _temporary(path, number)
        disk.write(temporary, content, mode)
        disk.replace(temporary, path)
    if path.parent.is_dir():
        disk.sync_directory(path.parent)


def _temporary(path: Path, number: int) -> Path:
    """Known from the record alone, so that `undo` finds what a crash left."""
    # A hash instead of the name: a name may already be as long as a file system allows.
    return path.parent / f".scaffold-{sha256(path.name.encode())[:16]}-{number}.tmp"


def _run_directory(journal_dir: Path, number: int) -> Path:
    return journal_dir / "runs" / str(number)


def _read_state(journal_dir: Path) -> _State:
    path = journal_dir / "state.json"
    content = content_on_disk(path)
    if content is None:
        return _State()
    try:
        return _State(**json.loads(content))
    except (ValueError, TypeError) as error:
        raise _damaged(path, str(error)) from error


def _write_state(state: _State, journal_dir: Path, disk: Disk) -> None:
    temporary = journal_dir / "state.json.tmp"
    disk.write(temporary, json.dumps(asdict(state), indent=1).encode())
    disk.replace(temporary, journal_dir / "state.json")
    disk.sync_directory(journal_dir)


def _read_record(journal_dir: Path, number: int) -> _Record:
    path = _run_directory(journal_dir, number) / "record.json"
    try:
        values = json.loads(content_on_disk(path) or b"")
        return _Record(**{**values, "files": [_File(**file) for file in values["files"]]})
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path, str(error)) from error


def _remove_other_runs(journal_dir: Path, number: int | None, disk: Disk) -> None:
    """Remove what can no longer be taken back; a crash may have left any part of a run."""
    for run in (journal_dir / "runs").iterdir():
        if run.name != str(number):
            for file in run.iterdir():
                disk.remove(file)
            disk.remove_directory(run)


@contextmanager
def _locked(journal_dir: Path) -> Iterator[None]:
    """One run at a time; the kernel lets go of the lock when the process ends, however it ends."""
    try:
        journal_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(journal_dir, os.O_RDONLY)
    except OSError as error:
        raise _refused_by_disk(error, "nothing was changed") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Refusal(
            "another run is writing at this moment",
            where=str(journal_dir),
            expected="one run at a time",
            remedy="wait until it has ended",
        ) from error
    finally:
        os.close(descriptor)


def _damaged(path: Path, detail: str) -> Refusal:
    return Refusal(
        f"the journal is damaged ({detail})",
        where=str(path),
        expected="the file as this tool wrote it",
        remedy="restore the source trees with git",
    )


def _refused_by_disk(error: OSError, outcome: str) -> Refusal:
    return Refusal(
        f"the disk refused: {error.strerror or error}",
        where=str(error.filename2 or error.filename or "?"),
        expected="a directory that can be written to",
        remedy=f"check permissions and free space; {outcome}",
    )
