"""A command and everything that it started, as one thing: started here, watched here, ended here.

A server starts workers, and some of them leave its process group or its session. All of them are found by the
session and by a mark in their environment, through psutil, which also tells a process from a later one of the same id.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import psutil

from scaffold_validators.environment import clean_environment

MARKER = "SCAFFOLD_GATE"
GRACE_SECONDS = 5.0
STEP_SECONDS = 0.05
GONE = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


class ProcessTree:
    """A command in a session of its own. Leaving the ``with`` block ends it and all that it started.

    Args:
        argv: the command.
        cwd: from where it is started.
        env: variables for it, beside those of this process.
        output: the file that its standard output goes to.
        errors: the file for its standard error, if not the same.
        asked: whether it is going to be asked something on its standard input, see `ask`.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        output: IO[bytes],
        errors: IO[bytes] | None = None,
        asked: bool = False,
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.process = psutil.Popen(
            list(argv),
            cwd=cwd,
            env=clean_environment({**env, MARKER: self.mark}),
            stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if errors is None else errors,
            start_new_session=True,
        )

    def __enter__(self) -> ProcessTree:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def returncode(self) -> int | None:
        """Return how the command ended, None while it runs."""
        code: int | None = self.process.returncode
        return code

    def alive(self) -> bool:
        """Return whether the command itself still runs."""
        return self.process.poll() is None

    def ask(self, text: str, seconds: float | None) -> bool:
        """Write to the command's standard input, close it, and wait for the command's end.

        Returns:
            Whether it ended within so many seconds; without a number it may take as long as it takes.
        """
        try:
            self.process.communicate(text.encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def members(self) -> list[psutil.Process]:
        """Return all processes that belong to it and are not zombies."""
        found = [self._member(pid) for pid in psutil.pids() if pid != os.getpid()]
        return [process for process in found if process is not None]

    def _member(self, pid: int) -> psutil.Process | None:
        """Return a process that runs, if it is in the session or carries the mark."""
        try:
            if os.getsid(pid) != self.process.pid and not self._is_marked(pid):
                return None
            process = psutil.Process(pid)
            return process if process.status() not in GONE else None
        except (psutil.Error, OSError):
            return None

    def _is_marked(self, pid: int) -> bool:
        """Return whether a process carries the mark: most do not, and psutil would look up more of each."""
        return f"{MARKER}={self.mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")

    def cpu_seconds(self) -> float:
        """Return the CPU time that all members have used."""
        seconds = 0.0
        for process in self.members():
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            seconds += float(times.user + times.system)
        return seconds

    def end(self, grace: float = GRACE_SECONDS) -> list[int]:
        """End all members: gently first, by force after ``grace`` seconds.

        Returns:
            The ids of those that could not be ended; empty unless the system is in trouble.
        """
        if self._end(psutil.Process.terminate, grace):
            self._end(psutil.Process.kill, GRACE_SECONDS)
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):  # something was asked that nobody read
                self.process.stdin.close()
        return [process.pid for process in self.members()]

    def _end(self, signal: Callable[[psutil.Process], None], seconds: float) -> bool:
        """Signal all members, wait, and return whether some are left; what they start meanwhile is one of them."""
        deadline = time.monotonic() + seconds
        signalled: set[psutil.Process] = set()
        while members := self.members():
            for process in set(members) - signalled:
                _quietly(signal, process)
            signalled |= set(members)
            if time.monotonic() >= deadline:
                return True
            self.process.poll()
            time.sleep(STEP_SECONDS)
        self.process.wait()
        return False


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``returncode`` is None where it had to be ended at its limit."""

    returncode: int | None
    output: str
    errors: str


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    text: str = "",
    seconds: float | None = None,
) -> Ended:
    """Run a command to its end, or to its limit, and end whatever it leaves behind.

    Args:
        argv: the command.
        cwd: from where it is started.
        env: variables for it, beside those of this process.
        text: what it gets on its standard input.
        seconds: its limit; None lets it take as long as it takes.

    Raises:
        OSError: it cannot be started.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        with ProcessTree(argv, cwd, env or {}, output, errors, asked=True) as tree:
            ended = tree.ask(text, seconds)
            returncode = tree.returncode if ended else None
        return Ended(returncode, _text(output), _text(errors))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _quietly(signal: Callable[[psutil.Process], None], process: psutil.Process) -> None:
    try:
        signal(process)
    except psutil.Error:
        return  # it has gone
