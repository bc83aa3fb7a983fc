"""The processes that a server cannot do without: one of them that has gone is known at once.

vLLM waits for its workers in its own ways, which can take minutes or for ever (a worker that is killed in a collective
operation). It names each of its processes, so that they are told from helpers that come and go.
"""

from __future__ import annotations

import math
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from scaffold_validators.watching.family import GONE, Family

NEEDED = ("VLLM::EngineCore", "VLLM::Worker", "VLLM::DPCoordinator", "VLLM::APIServer", "ray::RayWorkerWrapper")
"""How titles of processes begin without which there is no server.

vLLM: ``vllm/v1/engine/core.py``, ``v1/executor/multiproc_executor.py``, ``v1/engine/coordinator.py``, ``v1/utils.py``.
"""
SEEK_SECONDS = 1.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Death:
    """A worker that has gone while the server still ran.

    Attributes:
        title: as vLLM names it.
        pid: its process id, which the log has too.
        how: by which signal or with which code it ended; empty where nobody can tell any more.
    """

    title: str
    pid: int
    how: str = ""

    def __str__(self) -> str:
        return f"{self.title} (pid {self.pid}) died{self.how and ', ' + self.how}"


class Workers:
    """Those that were seen of a family so far."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._titles: dict[psutil.Process, str] = {}
        self._sought = self._looked = -math.inf

    def death(self) -> Death | None:
        """Return the first that has gone; processes are looked for once a second, known ones at every tenth of it."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return None
        self._looked = now
        for process, title in self._titles.items():
            if not is_running(process):
                return Death(title, process.pid, how_it_ended(process.pid))
        self._family.remember_segments()  # at every look: a worker may be killed right after it has made one
        if now - self._sought >= SEEK_SECONDS:
            self._sought = now
            self._titles |= {process: title for process in self._family.members() if (title := needed(process))}
        return None


def needed(process: psutil.Process) -> str:
    """Return the title of a process that a server needs, empty for any other.

    One that has its parent's title was forked by it, and is about to become something else: a compiler, a probe of the
    machine, or a worker that has not taken its own title yet.
    """
    with suppress(psutil.Error):
        title = title_of(process)
        if title.startswith(NEEDED) and title != title_of(process.parent()):
            return title
    return ""


def title_of(process: psutil.Process | None) -> str:
    """Return the first word of a process's command line, which vLLM writes its titles over."""
    words = process.cmdline() if process else []
    return words[0].strip() if words else ""


def is_running(process: psutil.Process) -> bool:
    """Return whether a process still runs: a zombie does not."""
    with suppress(psutil.Error):
        return process.is_running() and process.status() not in GONE
    return False


def how_it_ended(pid: int) -> str:
    """Return how a process ended that its parent has not asked for yet: the last field but one of its status."""
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        code = int(fields[49]) if fields[0] in "ZX" else 0
        if code & 0x7F:
            return f"killed by {signal.Signals(code & 0x7F).name}"
        if code:
            return f"exit code {code >> 8}"
    return ""
