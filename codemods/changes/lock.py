"""One run at a time on a source tree, whatever journals the runs have.

Directories themselves are locked (``flock``), so that no file is left in a tree, and the kernel lets
go of a lock when its process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

WAIT = 60.0
"""Seconds to wait for other runs: each holds its locks while it writes, which takes milliseconds."""
_PAUSE = 0.01


@contextmanager
def locked(directories: Iterable[Path], wait: float = WAIT) -> Iterator[None]:
    """Hold the locks of directories, which have to exist.

    Raises `Refusal` if another run holds one of them for longer than ``wait`` seconds, and OSError
    for a directory that cannot be opened.
    """
    with ExitStack() as held:
        descriptors = {}
        for directory in directories:
            descriptor = os.open(directory, os.O_RDONLY)
            held.callback(os.close, descriptor)
            state = os.fstat(descriptor)
            descriptors[state.st_dev, state.st_ino] = (descriptor, directory)
        end = time.monotonic() + wait
        for _, (descriptor, directory) in sorted(
            descriptors.items()
        ):  # all in one order: no run waits for a waiting one
            _lock(descriptor, directory, end)
        yield


def places_to_lock(files: Iterable[Path], roots: Sequence[Path]) -> set[Path]:
    """Return the directories that a run which writes these files has to lock.

    That is the top of each file's tree: the checkout's first directory, or without one the root
    that it is below. And its own directory, for runs that were given another root of the same tree.
    """
    places = set()
    for file in files:
        places |= {_existing(file.parent), _existing(_top(file, roots))}
    return places


def _top(file: Path, roots: Sequence[Path]) -> Path:
    """Return the top of a file's tree; its own directory where there is none."""
    checkout = next((parent for parent in file.parents if (parent / ".git").exists()), None)
    return checkout or next((root for root in roots if file.is_relative_to(root)), file.parent)


def _existing(directory: Path) -> Path:
    return next(place for place in (directory, *directory.parents) if place.is_dir())


def _lock(descriptor: int, directory: Path, end: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise Refusal(
                    "another run is writing right now",
                    where=str(directory),
                    expected="one run at a time",
                    remedy="wait until it has finished",
                ) from error
            time.sleep(_PAUSE)
        else:
            return
