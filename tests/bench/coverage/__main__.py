"""``make bench-coverage``: generate, serve and compare each architecture; see docs/coverage.md."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import yaml

from scaffold_validators.engine import probe
from tests.bench.coverage.environment import environment
from tests.bench.coverage.measure import FOLDER, Result, measure
from tests.bench.coverage.report import cells, document, summary
from tests.bench.coverage.rows import HERE, choose, make_rows
from tests.bench.coverage.server import Server
from tests.lab.engine import engine

PAGE = Path("docs/coverage.md")


def main() -> int:
    """Run the benchmark; 0 unless an adapter without a hole is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.coverage")
    parser.add_argument("--only", help="rows, such as gemma2,phi (default: the list); docs/coverage.md stays as it is")
    parser.add_argument("--extra", action="store_true", help="the rows beyond the list too")
    parser.add_argument("--checkpoints", action="store_true", help="make checkpoints and references only")
    parser.add_argument(
        "--reuse", action="store_true", help="serve the adapters; vLLM's own ways as they were measured"
    )
    asked = parser.parse_args()
    chosen = choose(asked.only or None, asked.extra)
    make_rows(chosen)
    if asked.checkpoints:
        for row in chosen:
            print(f"{row.name}: {row.checkpoint if row.is_made else 'not made'}")
        return 0
    started = time.monotonic()
    place, results = environment(), []
    with Server(place, FOLDER.resolve() / "logs") as server:
        for row in (row for row in chosen if row.is_made):
            results.append(measure(row, server, engine().pristine, asked.reuse))
            print("  ".join(cells(results[-1])), flush=True)
            say_why(results[-1])
    print(summary(results))
    details = [result.to_json() for result in results]
    (FOLDER / "details.json").write_text(json.dumps(details, indent=2) + "\n")
    if not asked.only and not asked.reuse:
        notes = yaml.safe_load((HERE / "architectures.yaml").read_text()).get("notes") or {}
        versions = {"transformers": "?", **probe(place.python).versions}
        PAGE.write_text(document(results, versions, notes, time.monotonic() - started), encoding="utf-8")
        print(f"written: {PAGE}; details: {FOLDER}/details.json, {FOLDER}/<architecture>/")
    return 1 if any(result.wrong for result in results) else 0


def say_why(result: Result) -> None:
    """Say in some lines what kept an adapter from being right."""
    for hole in result.generated.holes:
        print(f"    hole: {hole['what'][:200]} ({hole['evidence'][:160]})")
    if result.generated.plugin is None and not result.generated.holes:
        print("    " + result.generated.errors.strip()[-400:])
    elif result.generated.plugin is not None and not result.generated.proved:
        print("    proof: " + result.generated.proof_errors.strip()[-300:])
    if result.own.error:
        print("    " + result.own.error.splitlines()[0][:300])


if __name__ == "__main__":
    raise SystemExit(main())
