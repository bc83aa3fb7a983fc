"""Shared memory that killed processes leave in `/dev/shm`: vLLM's queues between its processes are such segments.

Only what a process of ours had mapped is removed, and not while any other process has it mapped: `/dev/shm` may be
shared with other containers, whose processes cannot be seen.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """Return the segments that processes have mapped and that still have a name."""
    found: set[Path] = set()
    for process in processes:
        with suppress(OSError):
            with Path(f"/proc/{process.pid}/maps").open(encoding="utf-8", errors="replace") as maps:
                lines = [line for line in maps if FOLDER in line]
            found |= {Path(FOLDER + line.rstrip("\n").partition(FOLDER)[2]) for line in lines if DELETED not in line}
    return found


def remove(segments: Iterable[Path]) -> None:
    """Remove segments that no process has mapped any more."""
    left = {segment for segment in segments if segment.exists()}
    if not left:
        return
    for segment in left - mapped_by(psutil.process_iter()):
        segment.unlink(missing_ok=True)
