"""Logs on disk, read line by line: files, and folders of them."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".log", ".txt", ".out", ".err")
"""Files of a folder that are logs. CANN writes ``plog-<pid>_<time>.log`` into ``ascend/log/debug/plog``."""


@dataclass(frozen=True)
class Log:
    """A log: what it is called in findings, and its lines, which may be read once."""

    name: str
    lines: Iterable[str]


def logs_of(path: Path) -> Iterator[Log]:
    """Yield a file, or each log in a folder and the folders in it, by name.

    Raises:
        OSError: it cannot be read, or it is a folder without a log.
    """
    if not path.is_dir():
        path.stat()
        yield Log(str(path), lines_of(path))
        return
    found = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    if not found:
        raise FileNotFoundError(errno.ENOENT, f"no file with {', '.join(SUFFIXES)} in this folder", str(path))
    for file in found:
        yield Log(str(file), lines_of(file))


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a file; bytes that are no UTF-8 are replaced."""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        yield from file
