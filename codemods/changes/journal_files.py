"""What a journal directory holds: ``state.json``, and of each run its record and the files as they were.

``state.json`` is replaced in one step. ``runs/<number>/`` has ``record.json``, and copies, numbered in the order of
the record's files: ``0.before`` and so on; ``0.after`` of those that were there before; ``0.merged``, also replaced in
one step, of what an undo makes of those that somebody edited since. ``generated/`` has what was generated last for
each file, under its digest.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from codemods.changes.change_set import Change, content_on_disk
from codemods.changes.digest import sha256
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from cattrs import Converter

    from codemods.changes.disk import Disk


T = TypeVar("T")


@dataclass(frozen=True)
class File:
    """One file of a run: where it is, what it was (None: it did not exist) and what it became.

    ``overwritten``: other content is written into it, so that a crash may leave a part of that. ``owner`` is the
    user and the group that it belonged to.
    """

    path: str
    mode: int | None
    before: str | None
    after: str | None
    overwritten: bool = False
    owner: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Record:
    """One run. ``directories`` are those that it makes, outermost first.

    ``continues``: the run is a part of the one before it, and is taken back with that one.
    """

    roots: list[str]
    files: list[File]
    directories: list[str]
    generated_before: dict[str, str]
    continues: bool = False


@dataclass(frozen=True)
class State:
    """``undoable`` are the runs that can be taken back, the last one last.

    ``finished`` says whether all of the last one is on disk, and none of it is being taken back; ``runs`` is
    the number of the last run ever started. ``generated`` maps each file that the tool created to the SHA-256 of
    what it wrote last.
    """

    undoable: list[int] = field(default_factory=list)
    finished: bool = True
    runs: int = 0
    generated: dict[str, str] = field(default_factory=dict)


def run_directory(journal_dir: Path, number: int) -> Path:
    """Return where the record and the copies of a run are."""
    return journal_dir / "runs" / str(number)


def read_state(journal_dir: Path) -> State:
    """Read the state; a journal that is not there yet has an empty one. Raises `Refusal` if it is damaged."""
    path = journal_dir / "state.json"
    content = content_on_disk(path)
    if content is None:
        return State()
    try:
        values = json.loads(content)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    if isinstance(values, dict) and "run" in values:  # journals of version 0.1 knew one run only
        run = values.pop("run")
        values["undoable"] = [] if run is None else [run]
    return _structured(values, State, path)


def write_state(state: State, journal_dir: Path, disk: Disk) -> None:
    """Replace the state in one atomic step."""
    temporary = journal_dir / "state.json.tmp"
    disk.write(temporary, json.dumps(asdict(state), indent=1).encode())
    disk.replace(temporary, journal_dir / "state.json")
    disk.sync_directory(journal_dir)


def read_record(journal_dir: Path, number: int) -> Record:
    """Read what a run did. Raises `Refusal` if the record is damaged."""
    path = run_directory(journal_dir, number) / "record.json"
    try:
        values = json.loads(content_on_disk(path) or b"")
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return _structured(values, Record, path)


def write_run(record: Record, changes: Sequence[Change], journal_dir: Path, number: int, disk: Disk) -> None:
    """Write the copies of a run's files and then its record, and wait until they are on the disk."""
    run = run_directory(journal_dir, number)
    disk.make_directory(run.parent)
    disk.make_directory(run)
    for index, change in enumerate(changes):
        if change.before is not None:
            disk.write(run / f"{index}.before", change.before)
        if change.after is not None and change.before is not None:
            disk.write(run / f"{index}.after", change.after)
    disk.write(run / "record.json", json.dumps(asdict(record), indent=1).encode())
    disk.sync_directory(run)
    disk.sync_directory(run.parent)


def copy_of(file: File, index: int, journal_dir: Path, number: int) -> bytes | None:
    """Return what a file of a run was; None if it did not exist. Raises `Refusal` if the copy is damaged."""
    return _copy(run_directory(journal_dir, number) / f"{index}.before", file.before)


def is_half_written(content: bytes | None, file: File, index: int, journal_dir: Path, number: int) -> bool:
    """Return whether a file is as a crash leaves one that is overwritten: the beginning of one of its two contents."""
    if content is None or not file.overwritten:
        return False
    copies = run_directory(journal_dir, number)
    before, after = _copy(copies / f"{index}.before", file.before), _copy(copies / f"{index}.after", file.after)
    return any(copy is not None and copy.startswith(content) for copy in (before, after))


def written_by(file: File, index: int, journal_dir: Path, number: int) -> bytes | None:
    """Return what a run wrote to a file; None where no copy was kept. Raises `Refusal` if the copy is damaged."""
    path = run_directory(journal_dir, number) / f"{index}.after"
    return _copy(path, file.after) if path.exists() else None


def merged_before(index: int, journal_dir: Path, number: int) -> bytes | None:
    """Return what an undo that was cut off made of an edited file; None where there was no such one."""
    return content_on_disk(run_directory(journal_dir, number) / f"{index}.merged")


def write_merged(merged: Mapping[tuple[int, int], bytes], journal_dir: Path, disk: Disk) -> None:
    """Write what edited files become, by run and index, so that an undo that is cut off knows them again."""
    for (number, index), content in merged.items():
        place = run_directory(journal_dir, number) / f"{index}.merged"
        temporary = place.with_suffix(".tmp")
        disk.write(temporary, content)
        disk.replace(temporary, place)
        disk.sync_directory(place.parent)


def _copy(path: Path, digest: str | None) -> bytes | None:
    if digest is None:
        return None
    content = content_on_disk(path)
    if content is None or sha256(content) != digest:
        raise damaged(path, "it is missing or not what was written")
    return content


def write_generated(contents: Iterable[bytes], journal_dir: Path, disk: Disk) -> None:
    """Keep what was generated, for the merge with what a person makes of it."""
    folder = journal_dir / "generated"
    for content in contents:
        place = folder / sha256(content)
        if not place.exists() or place.read_bytes() != content:
            disk.make_directory(folder)
            disk.write(place, content)


def read_generated(journal_dir: Path, path: Path) -> bytes | None:
    """Return what was generated last for a file; None if nothing was, or by a version that kept no copy."""
    digest = read_state(journal_dir).generated.get(str(path.resolve()))
    if digest is None or not (journal_dir / "generated" / digest).exists():
        return None
    return _copy(journal_dir / "generated" / digest, digest)


def remove_other_runs(journal_dir: Path, state: State, disk: Disk) -> None:
    """Remove what can no longer be taken back; a crash may have left any part of a run."""
    names = set(map(str, state.undoable))
    runs, generated = journal_dir / "runs", journal_dir / "generated"
    for run in sorted(runs.iterdir()):
        if run.name not in names:
            for file in sorted(run.iterdir()):
                disk.remove(file)
            disk.remove_directory(run)
    if generated.is_dir():
        known = set(state.generated.values())
        for number in state.undoable:
            known |= set(read_record(journal_dir, number).generated_before.values())
        _remove_but(generated, known, disk)


def _remove_but(folder: Path, names: Collection[str], disk: Disk) -> None:
    for file in sorted(folder.iterdir()):
        if file.name not in names:
            disk.remove(file)


def _structured(values: Any, kind: type[T], path: Path) -> T:
    """Make a value of what JSON holds. Raises `Refusal` if it has not the very fields and types."""
    if not isinstance(values, dict):
        raise damaged(path, "no object of JSON")
    from cattrs import transform_error
    from cattrs.errors import BaseValidationError

    try:
        return _converter().structure(values, kind)
    except BaseValidationError as error:
        raise damaged(path, "; ".join(transform_error(error, path="$", format_exception=_shown))) from error


def _shown(error: BaseException, kind: type | None) -> str:
    from cattrs.v import format_exception

    return str(error) if isinstance(error, TypeError) else format_exception(error, kind)


def _exact(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, found {value!r}")
    return value


@cache
def _converter() -> Converter:
    """Make the converter where a journal is read: a first run reads none, and the import takes a while."""
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exact)
    return converter


def damaged(path: Path, detail: str) -> Refusal:
    """Make the refusal of a journal that is not as it was written."""
    return Refusal(
        f"the journal is damaged ({detail})",
        where=str(path),
        expected="the file as this tool wrote it",
        remedy="restore the source trees with git",
    )
