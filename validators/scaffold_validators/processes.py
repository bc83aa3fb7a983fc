"""A command and everything that it started, as one thing: started here, watched here, ended here."""

from __future__ import annotations

import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import psutil

from scaffold_validators.environment import clean_environment
from scaffold_validators.watching.family import GRACE_SECONDS, KEEPS_ENVIRONMENT, MARKER, Family
from scaffold_validators.watching.guardian import GUARDIAN
from scaffold_validators.watching.undisturbed import undisturbed


class ProcessTree:
    """A command in a session of its own. Leaving the ``with`` block ends it and all that it started.

    Where this process is itself ended by force, the guardian ends the tree.

    Args:
        argv: the command.
        cwd: from where it is started.
        env: variables for it, beside those of this process.
        output: the file, or the descriptor, that its standard output goes to.
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
        output: IO[bytes] | int,
        errors: IO[bytes] | None = None,
        asked: bool = False,
    ) -> None:
        self.family = Family(uuid.uuid4().hex)
        GUARDIAN.watch(self.family.mark, self.family.there_before)
        try:
            self.process = psutil.Popen(
                list(argv),
                cwd=cwd,
                env=clean_environment({**KEEPS_ENVIRONMENT, **env, MARKER: self.family.mark}),
                stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if errors is None else errors,
                start_new_session=True,
            )
        except BaseException:  # an interrupt comes at any moment: after the start, too
            self.family.end(0)
            GUARDIAN.ended(self.family.mark)
            raise
        self.family.session = self.process.pid
        GUARDIAN.leads(self.family.mark, self.process.pid)

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
        return self.family.members()

    def cpu_seconds(self) -> float:
        """Return the CPU time that all members have used."""
        seconds = 0.0
        for process in self.members():
            with suppress(psutil.Error):
                times = process.cpu_times()
                seconds += float(times.user + times.system)
        return seconds

    def end(self, grace: float = GRACE_SECONDS) -> list[int]:
        """End all members, and wait for the command; see `Family.end`. No signal to this process stops it midway.

        Returns:
            The ids of those that could not be ended; empty unless the system is in trouble.
        """
        with undisturbed():
            survivors = self.family.end(grace)
            if not survivors:
                self.process.wait()
                GUARDIAN.ended(self.family.mark)
            if self.process.stdin is not None:
                with suppress(BrokenPipeError):  # something was asked that nobody read
                    self.process.stdin.close()
            return survivors


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
