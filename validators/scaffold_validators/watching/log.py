"""A server's log: read from a pipe as it is written, secrets taken out, kept in a file and handed on line by line.

No secret reaches the disk, a full disk is noticed and ends nothing, and whoever waits sees each line at once.
"""

from __future__ import annotations

import os
import re
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from scaffold_validators.redact import redact

CHUNK = 65536
KEPT_LINES = 20_000
"""In memory, where the disk is full."""
_ENDS = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""Of lines: vLLM writes the first within a message (vllm/logging_utils/formatter.py), bars go back with the last.

A carriage return at the end of what has come so far may be half of such an end.
"""
LAST_SECONDS = 2.0
"""For what is still in the pipe when all writers have gone."""


class ServerLog:
    """Reads what comes through `writer` until its last holder has closed it.

    Args:
        path: the file; its folder is made.
        hear: gets each line without its end, in a thread of its own.

    Attributes:
        writer: the descriptor for the command's output.
        failure: why lines could not be written to the file; None while all were.
        lines: how many there were so far.
    """

    def __init__(self, path: Path, hear: Callable[[str], None] = lambda line: None) -> None:
        self.path, self._hear = path, hear
        self.failure: str | None = None
        self.lines = 0
        self._kept: deque[str] = deque(maxlen=KEPT_LINES)
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            self.failure = str(error)
        self._reader, self.writer = os.pipe()
        self._busy = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def started(self) -> None:
        """Close our side of the pipe: the command has its own."""
        os.close(self.writer)

    def note(self, line: str) -> None:
        """Add a line of our own."""
        self._write([line])

    def close(self) -> None:
        """Take in what was written last; survivors that hold the pipe are not waited for."""
        self._thread.join(LAST_SECONDS)

    def text(self) -> str:
        """Return the log so far: from memory, its last lines, where the file has not all of it.

        What has been written is waited for, though not for long: on a busy machine it is read a moment later.
        """
        deadline = time.monotonic() + LAST_SECONDS
        while self._is_behind() and time.monotonic() < deadline:
            time.sleep(0.005)
        if self.failure is None and self.path.is_file():
            return self.path.read_text(encoding="utf-8", errors="replace")
        return "".join(line + "\n" for line in self._kept.copy())

    def last_line(self) -> str:
        """Return the last line that says something, empty before there is one."""
        return next((line for line in reversed(self._kept.copy()) if line.strip()), "")

    def _is_behind(self) -> bool:
        """Return whether something has been written that was not taken in yet."""
        if not self._thread.is_alive():
            return False
        try:
            return bool(_polled(self._reader).poll(0)) or self._busy
        except (OSError, ValueError):
            return False  # the reader has just been closed

    def _read(self) -> None:
        rest = b""
        written = _polled(self._reader)
        with os.fdopen(self._reader, "rb", buffering=0) as pipe:
            while True:
                written.poll()
                self._busy = True  # before the pipe is empty: whoever looks sees one of the two
                data = pipe.read(CHUNK)
                if not data:
                    break
                *whole, rest = _ENDS.split(rest + data)
                if len(rest) > CHUNK:
                    whole, rest = [*whole, rest], b""
                self._take(whole)
                self._busy = False
        self._take([rest.rstrip(b"\r")] if rest else [])
        self._busy = False
        if self._file is not None:
            with self._lock, self._noting():
                self._file.close()

    def _take(self, lines: list[bytes]) -> None:
        shown = [redact(line.decode("utf-8", "replace")) for line in lines]
        self._write(shown)
        for line in shown:
            self._hear(line)

    def _write(self, lines: list[str]) -> None:
        with self._lock:
            self._kept.extend(lines)
            self.lines += len(lines)
            if self._file is not None and self.failure is None and not self._file.closed:
                with self._noting():
                    self._file.write("".join(line + "\n" for line in lines).encode())

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note that something could not be written, the first time."""
        try:
            yield
        except OSError as error:
            self.failure = self.failure or str(error)


def _polled(descriptor: int) -> select.poll:
    """Return what waits for something to be readable: each thread needs one of its own."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll
