"""What a journal directory holds: ``state.json``, and of each run its record and the files as they were.

``state.json`` is the only thing that is ever replaced; ``runs/<number>/`` has ``record.json`` and
the copies ``0.before`` and so on, in the order of the record's files.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError
from cattrs.v import format_exception

from codemods.changes.change_set import content_on_disk, sha256
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from codemods.changes.disk import Disk


T = TypeVar("T")


@dataclass(frozen=True)
class File:
    """One file of a run: where it is, what it was (None: it did not exist) and what it became."""

    path: str
    mode: int | None
    before: str | None
    after: str | None


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

    ``finished`` says whether all of the last one is on disk; ``runs`` is the number of the last run
    ever started. ``generated`` maps each file that the tool created to the SHA-256 of what it wrote last.
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


def write_run(record: Record, before: list[bytes | None], journal_dir: Path, number: int, disk: Disk) -> None:
    """Write the copies of a run's files and then its record, and wait until they are on the disk."""
    run = run_directory(journal_dir, number)
    disk.make_directory(run.parent)
    disk.make_directory(run)
    for index, content in enumerate(before):
        if content is not None:
            disk.write(run / f"{index}.before", content)
    disk.write(run / "record.json", json.dumps(asdict(record), indent=1).encode())
    disk.sync_directory(run)
    disk.sync_directory(run.parent)


def copy_of(file: File, index: int, journal_dir: Path, number: int) -> bytes | None:
    """Return what a file of a run was; None if it did not exist. Raises `Refusal` if the copy is damaged."""
    if file.before is None:
        return None
    copy = run_directory(journal_dir, number) / f"{index}.before"
    content = content_on_disk(copy)
    if content is None or sha256(content) != file.before:
        raise damaged(copy, "it is missing or not what was written")
    return content


def remove_other_runs(journal_dir: Path, kept: Collection[int], disk: Disk) -> None:
    """Remove what can no longer be taken back; a crash may have left any part of a run."""
    names = set(map(str, kept))
    for run in (journal_dir / "runs").iterdir():
        if run.name not in names:
            for file in run.iterdir():
                disk.remove(file)
            disk.remove_directory(run)


def _structured(values: Any, kind: type[T], path: Path) -> T:
    """Make a value of what JSON holds. Raises `Refusal` if it has not the very fields and types."""
    if not isinstance(values, dict):
        raise damaged(path, "no object of JSON")
    try:
        return CONVERTER.structure(values, kind)
    except BaseValidationError as error:
        raise damaged(path, "; ".join(transform_error(error, path="$", format_exception=_shown))) from error


def _shown(error: BaseException, kind: type | None) -> str:
    return str(error) if isinstance(error, TypeError) else format_exception(error, kind)


def _exact(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, found {value!r}")
    return value


CONVERTER = Converter(forbid_extra_keys=True)
for _kind in (str, int, bool):
    CONVERTER.register_structure_hook(_kind, _exact)


def damaged(path: Path, detail: str) -> Refusal:
    """Make the refusal of a journal that is not as it was written."""
    return Refusal(
        f"the journal is damaged ({detail})",
        where=str(path),
        expected="the file as this tool wrote it",
        remedy="restore the source trees with git",
    )
