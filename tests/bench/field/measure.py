"""What the tool says of one checkpoint: ``inspect``, and where that does not tell it, the proof of ``weights``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.processes import PEAK

COMMAND = (sys.executable, "-c", "import sys; from scaffold.cli import main; sys.exit(main())")
BY_MAP = "the proved weight map"
SECONDS = 900


@dataclass(frozen=True)
class Run:
    """One command: exit code, its document, processor seconds, the most memory in MB, and a traceback if it had one."""

    code: int
    document: dict[str, Any]
    seconds: float
    memory: int
    traceback: str = ""


@dataclass(frozen=True)
class Measured:
    """What the tool says: ``proved``, ``hole`` and what it names, or another word for how it ended."""

    inspect: Run
    outcome: str
    reason: str
    cache: int | None
    weights: Run | None = None


def measured(checkpoint: Path, python: Path) -> Measured:
    """Return what the tool says of a checkpoint, with the engine's Python to look for source in."""
    inspect = run("inspect", str(checkpoint), "--json", "--python", str(python))
    capacity = inspect.document.get("capacity") or {}
    cache = capacity.get("kv_bytes_per_token")
    if inspect.traceback:
        return Measured(inspect, "crash", inspect.traceback, cache)
    error = inspect.document.get("error") or {}
    if inspect.code:
        return Measured(inspect, f"exit {inspect.code}", f"{error.get('found')} ({error.get('where')})", cache)
    holes = inspect.document.get("holes") or []
    if holes:
        return Measured(inspect, "hole", "; ".join(hole["what"] for hole in holes), cache)
    if capacity.get("basis") == BY_MAP:
        return Measured(inspect, "proved", "", cache)
    weights = run("weights", str(checkpoint), "--json", "--python", str(python))
    if weights.document.get("holds"):
        return Measured(inspect, "proved", "", cache, weights)
    error = weights.document.get("error") or {}
    found = weights.document.get("findings") or [error.get("found") or weights.traceback]
    return Measured(inspect, "read, not proved", "; ".join(map(str, found))[:300], cache, weights)


def run(*arguments: str) -> Run:
    """Run a command of the tool, and measure it."""
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True)
        end = threading.Timer(SECONDS, child.kill)
        most = _Peak(child.pid)
        end.start()
        most.start()
        assert child.stdout is not None
        text = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        end.cancel()
        errors.seek(0)
        said = errors.read()
    try:
        document = json.loads(text)
    except ValueError:
        document = {}
    crashed = said[-400:] if "Traceback (most recent call last)" in said or status & 0x7F else ""
    code = os.waitstatus_to_exitcode(status)
    return Run(code, document, usage.ru_utime + usage.ru_stime, most.megabytes, crashed)


class _Peak(threading.Thread):
    """Asks a running process for the most memory that it had."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.status = Path(f"/proc/{pid}/status")
        self.megabytes = 0

    def run(self) -> None:
        while True:
            try:
                found = PEAK.search(self.status.read_text())
            except OSError:
                return
            if found is None:
                return
            self.megabytes = int(found.group(1)) // 1024
            time.sleep(0.02)
