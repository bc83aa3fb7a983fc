"""Ends what a tool has started when the tool itself is gone, by SIGKILL too: a process of its own that outlives it.

It reads its standard input, whose other end the tool holds: ``+ MARK SESSION`` for what is started, ``s MARK NAMES``
for what was in shared memory before (JSON), ``d MARK FOLDER`` for a folder that goes with it, ``- MARK`` for what was
ended. However the tool ends, the kernel closes that end, and what is still open then is ended. (The kernel's own signal
to a child at its parent's death, PR_SET_PDEATHSIG, is of the *thread* that started the child, and reaches no
grandchildren: it would end servers too early, and their workers not at all.)

Run as ``python -m scaffold_validators.watching.guardian``; it leaves the tool's session, and so misses its signals.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PACKAGES = Path(__file__).parents[2]
GRACE_SECONDS = 1.0
QUIET_SECONDS = 0.5
"""A process that was being started when the tool died is found a moment later."""


class Guardian:
    """The tool's side: one guardian for all that a tool starts, itself started with the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, mark: str, there_before: Iterable[str]) -> None:
        """Say that something with this mark is being started, and what is in shared memory without it."""
        self._say(f"s {mark} {json.dumps(sorted(there_before))}")
        self._say(f"+ {mark}")

    def leads(self, mark: str, session: int) -> None:
        """Say which session it leads."""
        self._say(f"+ {mark} {session}")

    def removes(self, mark: str, folder: Path) -> None:
        """Say which folder has to go with it."""
        self._say(f"d {mark} {folder}")

    def ended(self, mark: str) -> None:
        """Say that it has been ended."""
        self._say(f"- {mark}")

    def _say(self, line: str) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = _start()
            assert self._process.stdin is not None
            with suppress(OSError):
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()


GUARDIAN = Guardian()


def _start() -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name != "SCAFFOLD_GATE"}
    paths = [str(PACKAGES), *filter(None, [environment.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )


def main() -> None:
    """Read until the tool is gone, and end what it has left."""
    from scaffold_validators.watching.family import Family  # now: once the tool is gone there is no time for it

    left: dict[str, int | None] = {}
    there_before: dict[str, frozenset[str]] = {}
    folders: dict[str, str] = {}
    for line in sys.stdin:
        sign, mark, *rest = line.rstrip("\n").split(" ", 2)
        if sign == "-":
            left.pop(mark, None)
            folders.pop(mark, None)
        elif sign == "d":
            folders[mark] = rest[0]
        elif sign == "s":
            there_before[mark] = frozenset(json.loads(rest[0]))
        else:
            left[mark] = int(rest[0]) if rest else None
    if not left:
        return
    families = [Family(mark, session, there_before[mark]) for mark, session in left.items()]
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_SECONDS:
        for family in families:
            if family.members():
                family.end(GRACE_SECONDS)
                quiet_since = time.monotonic()
        time.sleep(0.05)
    for folder in folders.values():
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
