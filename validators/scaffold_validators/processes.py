"""A process and everything that it started, as one thing that can be watched and ended.

A server starts workers, and some of them leave its process group. They stay in its *session*, and carry a marker
in their environment, so all of them are found through ``/proc``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import IO

from scaffold_validators.engine import clean_environment

MARKER = "SCAFFOLD_GATE"
GRACE_SECONDS = 5.0


class ProcessTree:
    """A command in a session of its own."""

    def __init__(self, argv: list[str], cwd: Path, env: dict[str, str], log: IO[bytes]) -> None:
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=clean_environment({**env, MARKER: self.mark}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def alive(self) -> bool:
        """Return whether the command itself still runs."""
        return self.process.poll() is None

    def members(self) -> list[int]:
        """Return the ids of all processes that belong to it and are no zombies."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid() and self._is_member(entry):
                found.append(int(entry.name))
        return found

    def _is_member(self, entry: Path) -> bool:
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] in "ZX":
                return False
            if int(fields[3]) == self.process.pid:  # the session
                return True
            return f"{MARKER}={self.mark}".encode() in (entry / "environ").read_bytes()
        except (OSError, ValueError, IndexError):
            return False

    def cpu_seconds(self) -> float:
        """Return the CPU time that all members have used."""
        ticks = 0
        for pid in self.members():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
            except (OSError, ValueError, IndexError):
                continue
        return ticks / os.sysconf("SC_CLK_TCK")

    def end(self, grace: float = GRACE_SECONDS) -> list[int]:
        """End all members: gently first, by force after ``grace`` seconds.

        Returns:
            The ids of those that could not be ended; empty unless the system is in trouble.
        """
        self._signal(signal.SIGTERM)
        self._wait(grace)
        self._signal(signal.SIGKILL)
        self._wait(GRACE_SECONDS)
        return self.members()

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.members():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.process.poll()
            if not self.members():
                self.process.wait()
                return
            time.sleep(0.05)
