"""Running a command for its time and its memory."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
"""No ``vllm`` command on the path: what is measured is reading, not the start of an engine's Python."""


def timed(*words: str, codes: tuple[int, ...] = (0,)) -> tuple[float, float]:
    """Return the seconds of a command that ends with one of these exit codes, and its processor seconds."""
    started = time.perf_counter()
    child = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **ENVIRONMENT}
    )
    _, status, usage = os.wait4(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) in codes, words
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def fastest(runs: int, *words: str, codes: tuple[int, ...] = (0,)) -> tuple[float, float]:
    """Return the least seconds and the least processor seconds of some runs."""
    found = [timed(*words, codes=codes) for _ in range(runs)]
    return min(run[0] for run in found), min(run[1] for run in found)


def peak(*words: str) -> int:
    """Return the most memory that a command had, in MB.

    It is asked for while the command runs: what the system reports of an ended child includes the memory of the
    process that started it.
    """
    most = 0
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **ENVIRONMENT}
    ) as child:
        while child.poll() is None:
            try:
                found = PEAK.search(Path(f"/proc/{child.pid}/status").read_text())
            except OSError:
                break
            most = int(found.group(1)) if found else most
            time.sleep(0.002)
    return most // 1024
