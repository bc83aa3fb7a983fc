"""``make bench-gates-ends``: a tool that is ended at random moments leaves no process, port, shared memory or folder.

Against the stand-in that spawns like vLLM; with ``--real`` against the real engine, at moments of its start and after.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from scaffold_validators.watching.guardian import PACKAGES
from scaffold_validators.watching.shared_memory import mapped_by
from tests.bench.coverage.environment import environment
from tests.fake_engine import write_fake_engine
from tests.lab.checkpoints import checkpoint
from tests.lab.ports import free_port

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
MARK = "SCAFFOLD_ENDED"
TOOL = """
import signal, sys
from pathlib import Path
from scaffold_validators.engine import probe
from scaffold_validators.serve import ServePlan, Server
def interrupt(number, frame):
    raise KeyboardInterrupt
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, interrupt)
python, model, name, port, folder, mark = sys.argv[1:]
plan = ServePlan(probe(Path(python)), Path(model), name, Path(folder), port=int(port), dtype="float32",
                 max_model_len=512, enforce_eager=True, env={"SCAFFOLD_ENDED": mark}, grace_seconds=2)
print("starts", flush=True)
try:
    with Server(plan, Path(folder) / "log") as server:
        server.wait_ready(lambda: False)
except KeyboardInterrupt:
    sys.exit(130)
"""
LIMIT_SECONDS = 30.0
SEGMENTS = {"spawns": "psm_fake_", "qwen3": "psm_"}
"""How the names of segments begin that the stand-in and vLLM make."""


@dataclass(frozen=True)
class Tried:
    """One end: which signal, how long after the start, what was left, and how long until nothing was."""

    number: signal.Signals
    after: float
    left: tuple[str, ...]
    seconds: float


def end_at(python: Path, model: Path, name: str, number: signal.Signals, after: float, scratch: Path) -> Tried:
    """Start a tool with a server, end it at a moment, and look at what is left until nothing is."""
    scratch.mkdir()
    port, before = free_port(), shared(name)
    words = [str(python), str(model), name, str(port), str(scratch), str(scratch)]
    tool = subprocess.Popen(
        [sys.executable, "-c", TOOL, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(PACKAGES), "TMPDIR": str(scratch)},
    )
    assert tool.stdout is not None
    tool.stdout.readline()
    time.sleep(after)
    tool.send_signal(number)
    ended = time.monotonic()
    tool.wait()
    tool.stdout.close()
    left = what_is_left(str(scratch), port, shared(name) - before)
    while left and time.monotonic() - ended < LIMIT_SECONDS:
        time.sleep(0.05)
        left = what_is_left(str(scratch), port, shared(name) - before)
    return Tried(number, after, left, time.monotonic() - ended)


def what_is_left(mark: str, port: int, segments: set[str]) -> tuple[str, ...]:
    """Return processes with the mark, the port, and shared memory that nobody else uses, in words."""
    ours = marked(f"{MARK}={mark}".encode())
    found = [f"process {pid}" for pid in ours]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            found.append(f"port {port}")
    others = [process for process in psutil.process_iter() if process.pid not in ours] if segments else []
    return (*found, *(f"segment {name}" for name in sorted(segments - {path.name for path in mapped_by(others)})))


def marked(mark: bytes) -> list[int]:
    """Return the processes with a variable, zombies left out."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                found += [int(entry.name)] if state not in "ZX" else []
        except (OSError, ValueError):
            continue
    return found


def shared(name: str) -> set[str]:
    """Return the names of segments that the stand-in or vLLM's queues make, by the name of the model."""
    return {path.name for path in Path("/dev/shm").iterdir() if path.name.startswith(SEGMENTS[name])}


def main() -> int:
    """Print what was left; 0 if nothing ever was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", action="store_true", help="the real engine")
    parser.add_argument("--moments", type=int, help="50; of the real engine 12, three of each signal")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, help="the latest moment after the start: 3, or 60 of the real engine")
    given = parser.parse_args()
    moments, latest = given.moments or (12 if given.real else 50), given.seconds or (60.0 if given.real else 3.0)
    drawn = random.Random(given.seed)
    tried = []
    with tempfile.TemporaryDirectory(prefix="scaffold-moments-") as scratch:
        root = Path(scratch)
        if given.real:
            python, model, name = environment().python, checkpoint("qwen3"), "qwen3"
        else:
            python, model, name = write_fake_engine(root / "engine", root / "vllm" / "__init__.py"), root, "spawns"
        for turn in range(moments):
            number, after = SIGNALS[turn % len(SIGNALS)], drawn.uniform(0, latest)
            one = end_at(python, model, name, number, after, root / str(turn))
            tried.append(one)
            if one.left:
                print(f"{one.number.name} after {one.after:.2f} s left {', '.join(one.left)}", flush=True)
    print("| signal | moments | left something | slowest until nothing was left |\n| --- | --- | --- | --- |")
    for number in SIGNALS:
        of_it = [one for one in tried if one.number is number]
        slowest = max((one.seconds for one in of_it), default=0.0)
        print(f"| {number.name} | {len(of_it)} | {sum(bool(one.left) for one in of_it)} | {slowest:.1f} s |")
    return 1 if any(one.left for one in tried) else 0


if __name__ == "__main__":
    sys.exit(main())
