"""What the processes of a server are doing: for whoever asks why it hangs."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from scaffold_validators.watching.workers import needed

STOPPED = psutil.STATUS_STOPPED
_ODD = (STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD, psutil.STATUS_DISK_SLEEP)
"""States in which a process of a server that hangs is looked at first; those that only sleep mostly wait for it."""


@dataclass(frozen=True)
class ProcessState:
    """One process at one moment.

    Attributes:
        title: its command line's beginning, for vLLM's processes their title.
        state: ``running``, ``sleeping``, ``disk-sleep``, ``stopped`` …
        waits_in: the kernel function that it sleeps in; empty where the kernel does not say.
        cpu_seconds: the CPU time that it has used.
        threads: how many it has.
    """

    pid: int
    title: str
    state: str
    waits_in: str
    cpu_seconds: float
    threads: int

    @property
    def oddness(self) -> int:
        """Return how soon it is looked at where a server hangs, from 0."""
        return _ODD.index(self.state) if self.state in _ODD else len(_ODD)

    def __str__(self) -> str:
        waits = f" in {self.waits_in}" if self.waits_in else ""
        return f"{self.title} (pid {self.pid}) {self.state}{waits}, {self.cpu_seconds:.1f} s of CPU time"


def doing(processes: Iterable[psutil.Process]) -> tuple[ProcessState, ...]:
    """Return what each process does; those that have gone meanwhile are left out."""
    return tuple(state for process in processes if (state := _state(process)) is not None)


def _state(process: psutil.Process) -> ProcessState | None:
    with suppress(psutil.Error), process.oneshot():
        times = process.cpu_times()
        return ProcessState(
            pid=process.pid,
            title=" ".join(process.cmdline()).strip()[:80] or process.name(),
            state=process.status(),
            waits_in=_waits_in(process.pid),
            cpu_seconds=round(times.user + times.system, 2),
            threads=process.num_threads(),
        )
    return None


def _waits_in(pid: int) -> str:
    with suppress(OSError):
        said = Path(f"/proc/{pid}/wchan").read_text().strip("\0\n ")
        return "" if said == "0" else said
    return ""


def ask_for_stacks(processes: Iterable[psutil.Process]) -> int:
    """Abort the workers that hang, so that Python's fault handler writes their stacks to the log.

    No core is dumped: of a worker it would fill the disk.

    Returns:
        How many were asked: a stopped process can answer nothing.
    """
    asked = 0
    for process in processes:
        with suppress(psutil.Error, OSError):
            if needed(process) and process.status() != STOPPED:
                process.rlimit(psutil.RLIMIT_CORE, (0, process.rlimit(psutil.RLIMIT_CORE)[1]))
                Path(f"/proc/{process.pid}/coredump_filter").write_text("0")
                process.send_signal(signal.SIGABRT)
                asked += 1
    return asked
