"""``make bench-gates``: each fault on the real CPU engine, what the gate concluded, and how long after the death."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

from scaffold_validators.gates import run_stages
from scaffold_validators.stages.table import with_needs
from scaffold_validators.verdict import Verdict
from tests.bench.gates.faults import FAULTS, Fault, base_gate, left_behind
from tests.lab.ports import free_port
from tests.lab.workplace import Workplace, make_workplace


def run_fault(fault: Fault, place: Workplace, logs: Path) -> Verdict:
    """Return the verdict of the stage that a fault is of."""
    port = free_port()
    logs.mkdir(parents=True)
    gate = base_gate(place.python, place.work, logs, port, lambda text: None)
    with fault.arrange(gate, place.vllm) as arranged:
        sizes = (arranged.plan.tensor_parallel_size,)
        verdict = next(iter(run_stages(arranged, with_needs([fault.stage]), sizes)))
    assert left_behind(port) == []
    return verdict


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
            verdict = run_fault(fault, place, Path(scratch) / f"logs-{number}")
            right = verdict.outcome.value == fault.outcome and re.search(fault.cause, verdict.cause, re.DOTALL)
            wrong += not right
            cells = (
                fault.name,
                verdict.outcome.value + ("" if right else f" (**not** {fault.outcome})"),
                verdict.cause.replace("\n", " ").replace("|", "/")[:160],
                f"{verdict.seconds.get('ended after death', 0):.1f} s",
                f"{time.monotonic() - started:.0f}",
            )
            print(f"| {' | '.join(cells)} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
