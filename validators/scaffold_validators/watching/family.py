"""All processes that a command started, in whatever group, session or parent: found, and ended.

A server's workers leave its process group, some its session, and where a parent has died nothing but the environment
tells whose they are. Found are: the session of the command, what carries the mark in its environment, the children of
both, and what was found before and still runs. psutil tells a process from a later one of the same id.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from scaffold_validators.watching.proc import read_bytes
from scaffold_validators.watching.shared_memory import mapped_by, names, remove

MARKER = "SCAFFOLD_GATE"
KEEPS_ENVIRONMENT = {"SPT_NOENV": "1"}
"""setproctitle, with which vLLM names its processes, writes over the environment in `/proc`, unless told not to.

https://github.com/dvarrazzo/py-setproctitle#environment-variables
"""
GRACE_SECONDS = 5.0
STEP_SECONDS = 0.05
STILL_SECONDS = 1.0
CLEANER_SECONDS = 1.0
"""For Python's resource trackers, which remove what killed processes have left, once these are gone."""
GONE = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


@dataclass
class Family:
    """The processes with one mark.

    Attributes:
        mark: the value of `MARKER` in their environment.
        session: the id of the session that the command leads; None where it is not known.
        there_before: the names in shared memory before the first of them: those are somebody else's.
    """

    mark: str
    session: int | None = None
    there_before: frozenset[str] = field(default_factory=names, repr=False)
    _known: set[psutil.Process] = field(default_factory=set, repr=False)
    _segments: set[Path] = field(default_factory=set, repr=False)
    _shared_then: frozenset[str] = field(default_factory=names, repr=False)

    def members(self) -> list[psutil.Process]:
        """Return all that run; zombies do not."""
        table = processes()
        session = {pid for pid, (_, its) in table.items() if its == self.session}
        if not session:
            self.session = None  # its id may be given to somebody else from now on
        own = session | {pid for pid in table if pid != os.getpid() and pid not in session and self._is_marked(pid)}
        own |= {process.pid for process in self._known if process.is_running()}
        for pid, (parent, _) in table.items():  # parents come before what they started, but where ids were used up once
            if parent in own and pid != os.getpid():
                own.add(pid)
        self._known = set(_running(own))
        return sorted(self._known, key=lambda process: process.pid)

    def _is_marked(self, pid: int) -> bool:
        """Return whether a process carries the mark: most do not, and psutil would look up more of each."""
        with suppress(OSError):
            environment = read_bytes(f"/proc/{pid}/environ")
            return f"\0{MARKER}={self.mark}\0".encode() in b"\0%b\0" % environment
        return False

    def remember_segments(self) -> None:
        """Note segments of shared memory where there are new ones: a killed process has none any more."""
        now = names()
        if not now <= self._shared_then:
            self.note_segments()
        self._shared_then = now

    def note_segments(self) -> None:
        """Note which segments of shared memory members have mapped."""
        self._segments |= mapped_by(self.members())

    def end(self, grace: float = GRACE_SECONDS) -> list[int]:
        """End all members and remove the shared memory that they had: gently, by force after ``grace`` seconds.

        Returns:
            The ids of those that could not be ended; empty unless the system is in trouble.
        """
        if self._signal(psutil.Process.terminate, grace):
            self._signal(psutil.Process.kill, CLEANER_SECONDS, spare=is_cleaner)
            self._signal(psutil.Process.kill, GRACE_SECONDS)
        remove(self._segments, self.there_before)
        return [process.pid for process in self.members()]

    def _signal(
        self,
        signal: Callable[[psutil.Process], None],
        seconds: float,
        spare: Callable[[psutil.Process], bool] = lambda process: False,
    ) -> bool:
        """Signal all members, wait, and return whether some are left; what they start meanwhile is one of them."""
        deadline = time.monotonic() + seconds
        signalled: set[psutil.Process] = set()
        while members := self.members():
            self._signal_each([member for member in members if member not in signalled and not spare(member)], signal)
            signalled |= set(members)
            if time.monotonic() >= deadline:
                return True
            time.sleep(STEP_SECONDS)
        return False

    def _signal_each(self, members: Sequence[psutil.Process], signal: Callable[[psutil.Process], None]) -> None:
        """Signal members, all of which stand still meanwhile: none makes a segment between the look and its end."""
        _each(psutil.Process.suspend, members)
        _stand_still(members)
        self._segments |= mapped_by(members)
        _each(signal, members)
        _each(psutil.Process.resume, members)


def _stand_still(processes: Sequence[psutil.Process]) -> None:
    """Wait until what was suspended stands still: a call that makes a segment ends first, late on a busy machine.

    What waits for a disk cannot be stopped, and is not waited for long.
    """
    deadline = time.monotonic() + STILL_SECONDS
    while not all(map(stands_still, processes)) and time.monotonic() < deadline:
        time.sleep(STEP_SECONDS / 10)


def stands_still(process: psutil.Process) -> bool:
    """Return whether all threads of a process are stopped, or it has gone."""
    with suppress(OSError):
        tasks = list(Path(f"/proc/{process.pid}/task").iterdir())
        states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks]
        return all(state in "TtZX" for state in states)
    return True


def _each(do: Callable[[psutil.Process], None], processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            do(process)


def is_cleaner(process: psutil.Process) -> bool:
    """Return whether a process is one of Python's resource trackers: it ends when those that it serves are gone."""
    with suppress(psutil.Error):
        return any("multiprocessing.resource_tracker" in word for word in process.cmdline())
    return False


def processes() -> dict[int, tuple[int, int]]:
    """Return process id → parent's id and session, in the order of the ids; of each that there is, zombies too."""
    found: dict[int, tuple[int, int]] = {}
    for pid in sorted(psutil.pids()):
        with suppress(OSError, ValueError, IndexError):
            _, parent, _, session = read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split(None, 4)[:4]
            found[pid] = int(parent), int(session)
    return found


def _running(pids: Iterable[int]) -> Iterable[psutil.Process]:
    for pid in pids:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.status() not in GONE:
                yield process
