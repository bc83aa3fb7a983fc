"""Shared memory that killed processes leave in `/dev/shm`: vLLM's queues between its processes are such segments.

Only what a process of ours had mapped is removed, and not while any other process has it mapped: `/dev/shm` may be
shared with other containers, whose processes cannot be seen. A segment lies in `/dev/shm` itself (its name has no
slash, https://man7.org/linux/man-pages/man3/shm_open.3.html) and was not there before the processes that made it; what
was there, or lies in a folder there, is somebody's file, such as a checkpoint that is kept in memory. Names decide, not
times: those of processes and of files come from two clocks, which differ by up to a second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from scaffold_validators.watching.proc import read_bytes

FOLDER = "/dev/shm/"  # noqa: S108 - it is looked at, and nothing is made there
DELETED = " (deleted)"


def names() -> frozenset[str]:
    """Return the names of all segments, whoever's they are."""
    with suppress(OSError):
        return frozenset(path.name for path in Path(FOLDER).iterdir())
    return frozenset()


def mapped_by(processes: Iterable[psutil.Process]) -> set[Path]:
    """Return what processes have mapped in `/dev/shm` itself, or open as a file, and what still has a name."""
    found: set[Path] = set()
    for process in processes:
        with suppress(OSError):
            maps = read_bytes(f"/proc/{process.pid}/maps")
            if FOLDER.encode() in maps:  # of all processes few have any
                lines = maps.decode(errors="replace").split("\n")
                found |= {Path(FOLDER + line.partition(FOLDER)[2]) for line in lines if FOLDER in line}
        with suppress(OSError):
            found |= set(_open_files(Path(f"/proc/{process.pid}/fd")))
    return {path for path in found if path.parent == Path(FOLDER) and not path.name.endswith(DELETED)}


def _open_files(folder: Path) -> Iterator[Path]:
    """Yield the segments among the open files of a process."""
    for entry in folder.iterdir():
        with suppress(OSError):
            path = entry.readlink()
            if str(path).startswith(FOLDER):
                yield path


def remove(segments: Iterable[Path], but: Collection[str]) -> None:
    """Remove segments that no process has mapped any more, ``but`` those of some names."""
    left = {segment for segment in segments if segment.name not in but and segment.is_file()}
    if not left:
        return
    for segment in left - mapped_by(psutil.process_iter()):
        segment.unlink(missing_ok=True)
