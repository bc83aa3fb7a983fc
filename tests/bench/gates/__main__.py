"""``make bench-gates``: each fault on the real CPU engine, what the gate concluded, and how long after the death."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scaffold.checkpoint.read import read_checkpoint
from scaffold.running.static import static_check
from scaffold_validators.gates import run_stages
from scaffold_validators.stages.table import with_needs
from tests.bench.gates.faults import FAULTS, STATIC, Fault, base_gate, left_behind
from tests.lab.engine import engine
from tests.lab.ports import free_port
from tests.lab.workplace import Workplace, make_workplace


@dataclass(frozen=True)
class Told:
    """What was said of a fault: of a gate, or, before any server, of stage static."""

    outcome: str
    cause: str
    next_step: str = ""
    log: str = ""
    after_death: float | None = None


def run_fault(fault: Fault, place: Workplace, logs: Path) -> Told:
    """Return what the stage says that a fault is of."""
    port = free_port()
    logs.mkdir(parents=True)
    gate = base_gate(place.python, place.work, logs, port, lambda text: None)
    with fault.arrange(gate, place.vllm) as arranged:
        if fault.stage == STATIC:
            return before_any_server(arranged.plan.model, place)
        sizes = (arranged.plan.tensor_parallel_size,)
        *_, verdict = run_stages(arranged, with_needs([fault.stage]), sizes)
    assert left_behind(port) == []
    seconds = verdict.seconds.get("ended after death")
    return Told(verdict.outcome.value, verdict.cause, verdict.next_step, verdict.log, seconds)


def before_any_server(checkpoint: Path, place: Workplace) -> Told:
    """Return what stage static says of a checkpoint."""
    report = static_check(read_checkpoint(checkpoint), place.vllm, transformers=engine().transformers)
    return Told(report.verdict, "; ".join(map(str, report.stops)))


def is_told(fault: Fault, told: Told) -> bool:
    """Return whether a fault was told for what it is, with its root cause."""
    return told.outcome == fault.outcome and re.search(fault.cause, told.cause, re.DOTALL) is not None


def main() -> int:
    """Print a table; 0 if each fault was told for what it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="faults whose names contain this")
    parser.add_argument("--place", type=Path, help="a workplace that is there already")
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        place = Workplace(given.place) if given.place else make_workplace(Path(scratch) / "place")
        print("| fault | verdict | root cause | ended after death | seconds |\n| --- | --- | --- | --- | --- |")
        for number, fault in enumerate(FAULTS):
            if given.only not in fault.name:
                continue
            started = time.monotonic()
            told = run_fault(fault, place, Path(scratch) / f"logs-{number}")
            right = is_told(fault, told)
            wrong += not right
            cells = (
                fault.name,
                told.outcome + ("" if right else f" (**not** {fault.outcome}, /{fault.cause}/)"),
                told.cause.replace("\n", " ").replace("|", "/")[:160],
                "" if told.after_death is None else f"{told.after_death:.1f} s",
                f"{time.monotonic() - started:.0f}",
            )
            print(f"| {' | '.join(cells)} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
