"""The digest of a file that is evidence, and the state of one that has been read."""

from __future__ import annotations

import hashlib
from pathlib import Path

CHUNK = 1 << 20
State = tuple[int, int]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file; empty where there is no such file, as of a device."""
    if not path.is_file():
        return ""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def state_of(path: Path) -> State:
    """Return size and time of the last change (ns) of a file: while both stay, what was read of it is what it holds.

    The time alone does not do: two changes in one tick of a coarse clock have the same (Linux before 6.13: 4 ms).

    Raises:
        OSError: there is no such file.
    """
    found = path.stat()
    return found.st_size, found.st_mtime_ns
