"""What taking runs back means: which ones, what that changes on disk, and each file as it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from codemods.changes.change_set import Change, ChangeSet, content_on_disk
from codemods.changes.digest import digest_of
from codemods.changes.journal_files import (
    File,
    Record,
    State,
    copy_of,
    is_half_written,
    merged_before,
    read_record,
    written_by,
)
from codemods.changes.placing import has_to_be_overwritten, mode_of, put, temporary_of
from codemods.changes.reversing import refused_whole, without_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codemods.changes.disk import Disk


def last_run(journal_dir: Path, state: State) -> list[int]:
    """Return the numbers of the last run and of what continued it, the last one first."""
    numbers: list[int] = []
    for number in reversed(state.undoable):
        numbers.append(number)
        if not read_record(journal_dir, number).continues:
            break
    return numbers


@dataclass(frozen=True)
class TakenBack:
    """What taking runs back leads to.

    ``changes`` is what that changes on disk. ``merged`` are the files that somebody edited since, by run and index:
    what they become, with those edits.
    """

    changes: ChangeSet
    merged: Mapping[tuple[int, int], bytes]


def undone(
    records: Sequence[Record], numbers: Sequence[int], roots: tuple[Path, ...], journal_dir: Path, state: State
) -> TakenBack:
    """Return what taking back these runs, the last one first, leads to.

    A file that somebody edited since keeps those edits where they are in other lines (`codemods.changes.reversing`).
    Raises `Refusal`, which names the file, where they are not.
    """
    changes: dict[Path, Change] = {}
    merged: dict[tuple[int, int], bytes] = {}
    for number, record in zip(numbers, records, strict=True):
        for index, file in enumerate(record.files):
            path = Path(file.path)
            content = changes[path].before if path in changes else content_on_disk(path)
            if digest_of(content) == file.before:
                continue
            before, is_kept = _aim(content, file, index, journal_dir, number, state)
            if is_kept and before is not None:
                merged[number, index] = before
            if before == content:
                continue
            after = changes[path].after if path in changes else content
            is_kept = is_kept or (path in changes and changes[path].keeps_edits)
            changes[path] = Change(path, before, after, keeps_edits=is_kept)
    return TakenBack(ChangeSet(roots, tuple(changes.values())), merged)


def _aim(
    content: bytes | None, file: File, index: int, journal_dir: Path, number: int, state: State
) -> tuple[bytes | None, bool]:
    """Return what a file becomes, and whether somebody's edits are in it. Raises `Refusal`."""
    before = copy_of(file, index, journal_dir, number)
    if digest_of(content) == file.after:
        return before, False
    if not state.finished:
        known = merged_before(index, journal_dir, number)
        is_cut_off = content is not None and known is not None and file.overwritten and known.startswith(content)
        if known is not None and (content == known or is_cut_off):  # asked first: it may begin as the others do
            return known, True
        if is_half_written(content, file, index, journal_dir, number):
            return before, False
    written = written_by(file, index, journal_dir, number)
    if content is None or before is None or written is None:
        raise refused_whole(Path(file.path))
    return without_run(content, written, before, Path(file.path)), True


def restore(
    record: Record,
    journal_dir: Path,
    number: int,
    disk: Disk,
    merged: Mapping[tuple[int, int], bytes] = MappingProxyType({}),
) -> None:
    """Make each file what it was before a run, and remove the directories that it made.

    ``merged`` has what edited files become instead, by run and index.
    """
    for index, file in enumerate(record.files):
        path = Path(file.path)
        disk.remove(temporary_of(path, number))
        content = content_on_disk(path)
        is_edited = (number, index) in merged
        aim = digest_of(merged[number, index]) if is_edited else file.before
        if digest_of(content) != aim:
            put(
                path,
                merged[number, index] if is_edited else copy_of(file, index, journal_dir, number),
                mode_of(path) if is_edited else file.mode,
                number,
                disk,
                overwrite=file.overwritten or has_to_be_overwritten(path),
                owner=file.owner,
            )
    for directory in reversed(record.directories):
        disk.remove_directory(Path(directory))
