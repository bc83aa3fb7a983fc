"""``make bench-gates-delay``: from the death of a worker to the verdict, and what a gate adds to a server that is fine.

Against the stand-in that spawns like vLLM, which itself would never notice.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import psutil

from scaffold_validators.engine import probe
from scaffold_validators.gates import run_stages
from scaffold_validators.serve import Patience, ServePlan
from scaffold_validators.stages.stage import Gate
from scaffold_validators.stages.table import with_needs
from tests.bench.gates.faults import processes
from tests.fake_engine import write_fake_engine
from tests.lab.ports import free_port


def death_to_verdict(gate: Gate) -> float:
    """Return the seconds from the moment at which a worker is killed to the verdict."""
    killed: list[float] = []

    def kill() -> None:
        while not (found := [p for p in processes("VLLM::Worker_TP0") if _lived_for(p) > 2]):
            time.sleep(0.05)
        found[0].kill()
        killed.append(time.monotonic())

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    verdict = next(iter(run_stages(gate, with_needs(["dummy"]))))
    ended = time.monotonic()
    thread.join()
    assert verdict.cause.startswith("VLLM::Worker_TP0"), verdict
    return ended - killed[0]


def _lived_for(process: psutil.Process) -> float:
    try:
        return time.time() - float(process.create_time())
    except psutil.Error:
        return 0.0


def main() -> int:
    """Print a table; 0 if each verdict came within a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        engine = probe(write_fake_engine(root / "engine", root / "vllm" / "__init__.py"))
        plan = ServePlan(engine, root, "spawns+silent", root, port=free_port())
        gate = Gate(plan, True, False, {}, root / "logs", lambda text: None, patience=Patience(300, 300, 300))
        delays = [death_to_verdict(gate) for _ in range(given.times)]
        started = time.monotonic()
        passed = next(
            iter(run_stages(replace(gate, plan=replace(plan, served_model_name="spawns")), with_needs(["dummy"])))
        )
        whole = time.monotonic() - started
    asked = passed.seconds["ready"] + passed.seconds["requests"]
    print("| measured | seconds |\n| --- | --- |")
    print(f"| from a worker's death to the verdict, median of {len(delays)} | {median(delays):.2f} |")
    print(f"| the slowest of them | {max(delays):.2f} |")
    print(f"| of a gate that passes, beside the server's start and the requests | {whole - asked:.2f} |")
    return 0 if max(delays) < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
