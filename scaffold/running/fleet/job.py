"""One row as a job: run where its resources are, with what it needs brought there and what it leaves brought back."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.common.errors import InUse, UsageError
from scaffold.running.fleet.rows import Row
from scaffold_validators.processes import Ended, run

TOOL = (sys.executable, "-c", "from scaffold.cli import main; main()")
STATE = ".scaffold"
ERRORS_KEPT = 2000


@dataclass(frozen=True)
class Job:
    """What a machine gets.

    Attributes:
        work: its work directory, at the same path everywhere.
        state: what is remembered of the model there: path below the work directory → bytes.
        mark: a file that only machines with the caller's work directory have.
        argv: the command before the row's words.
    """

    row: Row
    work: Path
    state: Mapping[str, bytes] = field(default_factory=dict)
    mark: str = ""
    argv: tuple[str, ...] = TOOL


@dataclass(frozen=True)
class Ran:
    """What came of a job.

    Attributes:
        code: the exit code of ``scaffold validate``; None where it never ended.
        document: what it said, as JSON; empty where it said nothing.
        errors: the end of its standard error, or why it never ended.
        machine: where it ran.
        seconds: how long it took.
        files: records and logs that the caller's work directory does not have: path below it → bytes.
        tries: how often it was started.
    """

    code: int | None
    document: Mapping[str, Any] = field(default_factory=dict)
    errors: str = ""
    machine: str = ""
    seconds: float = 0.0
    files: Mapping[str, bytes] = field(default_factory=dict)
    tries: int = 1


def job_of(row: Row, work: Path, mark: str = "") -> Job:
    """Return the job of a row.

    Raises:
        UsageError: the model was not planned there.
    """
    place = row.place(work).resolve()
    folder = place / STATE / row.shown
    if not (folder / "plan.json").is_file():
        raise UsageError(
            f"no plan of {row.shown!r}",
            where=str(place),
            expected="a model for which new-model has been run from this work directory",
            remedy="run scaffold new-model for it first, or correct work and name of its row",
        )
    return Job(row, place, _files(place, folder), mark)


def run_job(job: Job) -> Ran:
    """Run a job on this machine, and wait for its end; nothing that it started outlives this process."""
    started = time.monotonic()
    elsewhere = bool(job.mark) and not (job.work / STATE / job.mark).is_file()
    if elsewhere:
        write_files(job.work, job.state)
    ended = _run_alone(job)
    after = _files(job.work, job.work / STATE / job.row.shown) if elsewhere else {}
    return Ran(
        code=ended.returncode,
        document=_document(ended.output),
        errors=ended.errors[-ERRORS_KEPT:],
        machine=platform.node(),
        seconds=round(time.monotonic() - started, 1),
        files={path: data for path, data in after.items() if job.state.get(path) != data},
    )


def _run_alone(job: Job) -> Ended:
    """Run it once no other gates of its work directory run: those of a row beside it, or of a machine that died."""
    kept = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    while True:
        wait_for_gates(job.work / STATE / "gates.lock")
        words = job.row.words(job.work, _free_port())
        ended = run([*job.argv, *words], cwd=job.work, env=kept)
        if _document(ended.output).get("error", {}).get("kind") != InUse.__name__:
            return ended


def write_files(work: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a work directory; those that are there already stay.

    Raises:
        UsageError: one of them would lie outside of it.
    """
    for name, data in sorted(files.items()):
        path = work / name
        if not path.resolve().is_relative_to((work / STATE).resolve()):
            raise UsageError(name, where=str(work), expected=f"a file below {STATE}", remedy="check the machines")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def wait_for_gates(lock: Path) -> None:
    """Wait until no gates of a work directory hold its lock."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def _files(work: Path, folder: Path) -> dict[str, bytes]:
    """Return plan, records and logs of a model; no slice, which is made where it is served."""
    found = [folder / "plan.json", *folder.glob("verdicts/*.json"), *folder.glob("logs/*.log")]
    return {str(path.relative_to(work)): path.read_bytes() for path in sorted(found) if path.is_file()}


def _document(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
