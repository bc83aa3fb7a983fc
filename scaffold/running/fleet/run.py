"""Runs the jobs of a fleet on a place; a machine that dies costs a try, not a result."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from scaffold.running.fleet.job import STATE, Job, Ran, job_of, run_job, write_files
from scaffold.running.fleet.rows import Row

TRIES = 3
Report = Callable[[str], None]


class Place(Protocol):
    """Where jobs are run."""

    def start(self, number: int, job: Job) -> None:
        """Start a job, as soon as what it asks for is free."""

    def ended(self) -> tuple[int, Ran | None, str]:
        """Wait for one of those that were started: its number, and what came of it; None where its machine died."""

    def can_hold(self, job: Job) -> str:
        """Return why no machine can ever hold a job; empty if one can."""


class Here:
    """This machine: one job after the other."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Job]] = []

    def start(self, number: int, job: Job) -> None:
        self._waiting.append((number, job))

    def ended(self) -> tuple[int, Ran | None, str]:
        number, job = self._waiting.pop(0)
        return number, run_job(job), ""

    def can_hold(self, job: Job) -> str:
        return ""


def run_fleet(
    rows: Sequence[Row], work: Path, place: Place, report: Report = lambda text: None, tries: int = TRIES
) -> Iterator[tuple[Row, Ran]]:
    """Run the rows, and yield each with what came of it as soon as it is known.

    Raises:
        UsageError: one of the models was not planned.
    """
    mark = f"fleet-{uuid.uuid4().hex}"
    jobs = [job_of(row, work, mark) for row in rows]
    marks = sorted({job.work / STATE / mark for job in jobs})
    for path in marks:
        path.touch()
    try:
        yield from _run(jobs, place, report, tries)
    finally:
        for path in marks:
            path.unlink(missing_ok=True)


def _run(jobs: Sequence[Job], place: Place, report: Report, tries: int) -> Iterator[tuple[Row, Ran]]:
    started = dict.fromkeys(range(len(jobs)), 0)
    running = 0

    def start(number: int) -> Ran | None:
        why_not = place.can_hold(jobs[number])
        if why_not:
            return Ran(None, errors=why_not, tries=started[number])
        started[number] += 1
        place.start(number, jobs[number])
        return None

    for number, job in enumerate(jobs):
        refused = start(number)
        if refused is not None:
            yield job.row, refused
        else:
            running += 1
    while running:
        number, ran, why = place.ended()
        job = jobs[number]
        if ran is None and started[number] < tries:
            report(f"{job.row.shown}: {why}; tried again")
            ran = start(number)
        elif ran is None:
            ran = Ran(None, errors=f"{why}, {tries} times")
        if ran is not None:
            running -= 1
            write_files(job.work, ran.files)
            yield job.row, replace(ran, tries=started[number])
