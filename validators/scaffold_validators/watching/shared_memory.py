"""Shared memory that killed processes leave in `/dev/shm`: vLLM's queues between its processes are such segments.

Only what a process of ours had mapped is removed, and not while any other process has it mapped: `/dev/shm` may be
shared with other containers, whose processes cannot be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

FOLDER = "/dev/shm/"  # noqa: S108 - it is looked at, and nothing is made there
DELETED = " (deleted)"


def names() -> frozenset[str]:
    """Return the names of all segments, whoever's they are."""
    with suppress(OSError):
        return frozenset(path.name for path in Path(FOLDER).iterdir())
    return frozenset()


def mapped_by(processes: Iterable[psutil.Process]) -> set[Path]:
    """Return the segments that processes have mapped, or open as a file, and that still have a name."""
    found: set[Path] = set()
    for process in processes:
        with suppress(OSError), Path(f"/proc/{process.pid}/maps").open(encoding="utf-8", errors="replace") as maps:
            found |= {Path(FOLDER + line.rstrip("\n").partition(FOLDER)[2]) for line in maps if FOLDER in line}
        with suppress(OSError):
            found |= set(_open_files(Path(f"/proc/{process.pid}/fd")))
    return {path for path in found if not path.name.endswith(DELETED)}


def _open_files(folder: Path) -> Iterator[Path]:
    """Yield the segments among the open files of a process."""
    for entry in folder.iterdir():
        with suppress(OSError):
            path = entry.readlink()
            if str(path).startswith(FOLDER):
                yield path


def remove(segments: Iterable[Path]) -> None:
    """Remove segments that no process has mapped any more."""
    left = {segment for segment in segments if segment.exists()}
    if not left:
        return
    for segment in left - mapped_by(psutil.process_iter()):
        segment.unlink(missing_ok=True)
