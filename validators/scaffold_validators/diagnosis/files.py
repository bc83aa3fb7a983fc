"""Logs on disk, read line by line: files, packed ones too, and folders of them.

What is no log, such as a picture of one, is said to be none: nothing that was not read is ever called healthy.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import re
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUFFIXES = (".log", ".txt", ".out", ".err")
"""Files of a folder that are logs. CANN writes ``plog-<pid>_<time>.log`` into ``ascend/log/debug/plog``."""
_NAME = re.compile(
    rf"(?:{'|'.join(map(re.escape, SUFFIXES))})(?:[-._]\w*)*$"  # rotated, too: serve.log.2.gz, serve.log-20260702
    r"|^(?:stdout|stderr|console|messages|syslog|[^.]*log)$",
    re.IGNORECASE,
)
_PACKED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
"""First bytes of files that are packed one by one, as rotated logs are."""
_NO_LOGS = {
    b"PK\x03\x04": "an archive (zip): unpack it",
    b"\x28\xb5\x2f\xfd": "packed (zstd): unpack it",
    b"7z\xbc\xaf": "an archive (7z): unpack it",
    b"\x89PNG": "a picture: a log is needed as text",
    b"\xff\xd8\xff": "a picture: a log is needed as text",
    b"%PDF": "a PDF: a log is needed as text",
    b"\x7fELF": "a program or a core dump",
}
_TAR = slice(257, 262)


@dataclass(frozen=True)
class Log:
    """A log: what it is called in findings, and its lines, which may be read once."""

    name: str
    lines: Iterable[str]


def logs_of(path: Path) -> Iterator[Log]:
    """Yield a file, or each log in a folder and the folders in it, by name.

    Raises:
        OSError: it cannot be read, is empty or no log, or it is a folder without a log.
    """
    if not path.is_dir():
        if is_empty(path):
            raise OSError(errno.ENODATA, "this file is empty", str(path))
        yield Log(str(path), lines_of(path))
        return
    found = sorted(file for file in path.rglob("*") if _NAME.search(file.name) and file.is_file())
    if not found:
        raise FileNotFoundError(errno.ENOENT, f"no file with {', '.join(SUFFIXES)} in this folder", str(path))
    if all(map(is_empty, found)):
        raise OSError(errno.ENODATA, "all logs in this folder are empty", str(path))
    for file in found:
        yield Log(str(file), lines_of(file))


def is_empty(path: Path) -> bool:
    """Return whether a file of the disk has no byte; pipes have none before they are read."""
    status = path.stat()
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a file; bytes that are no UTF-8 are replaced.

    Raises:
        OSError: it cannot be read, or is no log.
    """
    with path.open("rb") as file:
        yield from text_of(file, str(path))


def text_of(file: io.BufferedReader[Any], name: str) -> Iterator[str]:
    """Yield the lines of what a file has, unpacked where it is packed.

    Raises:
        OSError: it is no log, or cannot be unpacked to its end.
    """
    head = file.peek(_TAR.stop)
    what = next((what for start, what in _NO_LOGS.items() if head.startswith(start)), "")
    if what or head[_TAR] == b"ustar":
        raise OSError(errno.EINVAL, f"this is {what or 'an archive (tar): unpack it'}", name)
    unpack = next((unpack for start, unpack in _PACKED.items() if head.startswith(start)), None)
    content: Any = file if unpack is None else unpack(file)
    text = io.TextIOWrapper(content, encoding="utf-8", errors="replace", newline="\n")
    try:
        yield from text
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:  # nobody knows what came after that
        raise OSError(errno.EINVAL, f"this is packed, and cannot be unpacked to its end ({error})", name) from error
    finally:
        text.detach()
