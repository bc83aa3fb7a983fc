"""``make bench-parity``: right servers pass, faults above the noise fail, in the dtype that people serve in."""

from __future__ import annotations

import argparse
import json
import time

from scaffold_validators.parity.judge import Comparison
from tests.bench.coverage.environment import environment
from tests.bench.coverage.server import Server
from tests.bench.parity.measure import FOLDER, Case, faults, measure, right_cases, sliced


def main() -> int:
    """Run the benchmark; 0 if all right servers pass, and all faults that can be seen fail."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.parity")
    parser.add_argument("--only", default="", help="names of cases or rows, by commas")
    parser.add_argument("--slices", action="store_true", help="deep checkpoints alone, whole and sliced")
    asked = parser.parse_args()
    wanted = [word for word in asked.only.split(",") if word]
    every = [*right_cases(), *faults()]
    chosen = [
        case
        for case in (sliced(every) if asked.slices else every)
        if not wanted or any(word in (case.name, case.row) for word in wanted)
    ]
    failures = 0
    results: list[dict[str, object]] = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Server(environment(), FOLDER / "logs") as server:
        started = time.monotonic()
        for case, found in measure(chosen, server):
            told = isinstance(found, Comparison) and found.holds == case.is_to_hold
            failures += not told
            results.append({"case": case.name, "row": case.row, "fault": bool(case.fault), **_numbers(found)})
            print("" if told else "NOT AS EXPECTED: ", end="")
            print(_line(case, found), f"{time.monotonic() - started:6.0f} s", flush=True)
            (FOLDER / ("slices.json" if asked.slices else "results.json")).write_text(json.dumps(results, indent=1))
    return 1 if failures else 0


def _numbers(found: Comparison | str) -> dict[str, object]:
    return {"error": found} if isinstance(found, str) else {"holds": found.holds, **found.numbers()}


def _line(case: Case, found: Comparison | str) -> str:
    name = f"{'fault' if case.fault else 'right':5} {case.row:15} {case.name:45}"
    if isinstance(found, str):
        return f"{name} not served: {found[:200]}"
    ratios = " ".join(
        f"{key} {found.server[key]:.4f}/{found.reference[key]:.4f}={found.server[key] / found.reference[key]:.2f}"
        for key in found.server
    )
    return f"{name} {'passes' if found.holds else 'FAILS':6} {ratios} greedy {found.agreeing}/{found.counted}"


if __name__ == "__main__":
    raise SystemExit(main())
