"""The few system calls with which the journal writes, in one place.

They are methods of one object, passed as a parameter, so that the tests can end the process
between any two of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Disk:
    """Each method is one step: a crash happens before it, after it, or (`write`, `overwrite`) within it."""

    def write(self, path: Path, content: bytes, mode: int | None = None, owner: Sequence[int] = ()) -> None:
        """Write a new file and wait until it is on the disk.

        ``mode``: None is the umask's. ``owner``: user and group, else those of new files.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            state = os.fstat(file.fileno())
            if owner and tuple(owner) != (state.st_uid, state.st_gid):
                os.fchown(file.fileno(), owner[0], owner[1])
            if mode is not None:  # after the owner: giving a file away takes rights from it
                os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def overwrite(self, path: Path, content: bytes) -> None:
        """Give a file other content, byte after byte from its beginning, and wait until it is on the disk."""
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def replace(self, source: Path, target: Path) -> None:
        """Move a file over another, atomically."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is not there is removed already."""
        path.unlink(missing_ok=True)

    def make_directory(self, path: Path) -> None:
        """Make one directory; one that is there is made already."""
        path.mkdir(exist_ok=True)

    def remove_directory(self, path: Path) -> None:
        """Remove a directory, if it is there and empty."""
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()

    def sync_directory(self, path: Path) -> None:
        """Wait until the names in a directory are on the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
