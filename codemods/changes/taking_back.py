"""What taking runs back means: which ones, what that changes on disk, and each file as it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from codemods.changes.change_set import Change, ChangeSet, content_on_disk
from codemods.changes.digest import sha256
from codemods.changes.journal_files import Record, State, copy_of, is_half_written, read_record
from codemods.changes.placing import has_to_be_overwritten, put, temporary_of
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codemods.changes.disk import Disk


def last_run(journal_dir: Path, state: State) -> list[int]:
    """Return the numbers of the last run and of what continued it, the last one first."""
    numbers: list[int] = []
    for number in reversed(state.undoable):
        numbers.append(number)
        if not read_record(journal_dir, number).continues:
            break
    return numbers


def undone(
    records: Sequence[Record], numbers: Sequence[int], roots: tuple[Path, ...], journal_dir: Path, state: State
) -> ChangeSet:
    """Return what taking back these runs, the last one first, changes on disk.

    Raises `Refusal` for a file that somebody edited since, which it names.
    """
    changes: dict[Path, Change] = {}
    for number, record in zip(numbers, records, strict=True):
        for index, file in enumerate(record.files):
            path = Path(file.path)
            content = changes[path].before if path in changes else content_on_disk(path)
            current = None if content is None else sha256(content)
            if current == file.before:
                continue
            is_cut_off = not state.finished and is_half_written(content, file, index, journal_dir, number)
            if current != file.after and not is_cut_off:
                raise Refusal(
                    "the file was edited since the run that wrote it",
                    where=file.path,
                    expected="what the run wrote, or what was there before",
                    remedy="keep the edit elsewhere, restore the file, and run undo again; no file was restored",
                )
            after = changes[path].after if path in changes else content
            changes[path] = Change(path, copy_of(file, index, journal_dir, number), after)
    return ChangeSet(roots, tuple(changes.values()))


def restore(record: Record, journal_dir: Path, number: int, disk: Disk) -> None:
    """Make each file what it was before a run, and remove the directories that the run made."""
    for index, file in enumerate(record.files):
        path = Path(file.path)
        disk.remove(temporary_of(path, number))
        content = content_on_disk(path)
        if (None if content is None else sha256(content)) != file.before:
            put(
                path,
                copy_of(file, index, journal_dir, number),
                file.mode,
                number,
                disk,
                overwrite=file.overwritten or has_to_be_overwritten(path),
                owner=file.owner,
            )
    for directory in reversed(record.directories):
        disk.remove_directory(Path(directory))
