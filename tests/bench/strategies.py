"""``make bench-strategies``: what ``new-model --twin`` ends in for each listed architecture, and whether it is right.

The twin proves each strategy; here the one that it ends in serves the row's own checkpoint, and the answer is compared
with the row's reference, which the twin has not seen.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

from tests.bench.coverage.environment import environment
from tests.bench.coverage.outcomes import NOT_SERVED, Outcome, compare
from tests.bench.coverage.rows import Row, choose, make_rows
from tests.bench.coverage.server import Server
from tests.bench.faults import call

FOLDER = Path(".bench/strategies")


def ended_in(row: Row, folder: Path, python: Path) -> dict[str, Any]:
    """Return what ``new-model`` says of a row; a plugin that is written lies in ``plugin`` below the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    words = ("--placement", "plugin", "--output", str(folder / "plugin"), "--work", str(folder))
    return call("new-model", str(row.checkpoint), "--twin", *words, "--python", str(python))


def served(row: Row, document: dict[str, Any], folder: Path, server: Server) -> Outcome:
    """Serve the row's own checkpoint in the way that ``new-model`` ended in."""
    if document["code"] != 0:
        return NOT_SERVED
    sources = folder / "plugin" / "src"
    packages = [path.name for path in sources.iterdir() if path.name.isidentifier()] if sources.is_dir() else []
    job = {
        "name": row.checkpoint.name,
        "checkpoint": str(row.checkpoint),
        "prompt": row.reference["prompt"],
        "new_tokens": len(row.reference["greedy"]),
        "model_impl": "transformers" if document["strategy"] == "transformers" else "vllm",
        "plugin": [str(sources), packages[0]] if packages else None,
        "shims": True,
    }
    return compare(row.reference, server.ask(job))


def main() -> int:
    """Run the benchmark; 0 unless something ends in a wrong way."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.strategies")
    parser.add_argument("--only", help="rows, such as gemma2,phi (default: the list)")
    asked = parser.parse_args()
    chosen = choose(asked.only or None, extra=False)
    make_rows(chosen)
    place, wrong, right = environment(), 0, 0
    with Server(place, FOLDER.resolve() / "logs") as server:
        for row in (row for row in chosen if row.is_made):
            folder, started = (FOLDER / row.name).resolve(), time.monotonic()
            document = ended_in(row, folder, place.python)
            outcome = served(row, document, folder, server)
            (folder / "said.json").write_text(json.dumps(document, indent=2) + "\n")
            right += outcome.right
            wrong += outcome.loaded and not outcome.right
            tried = [f"{twin['strategy']} {twin['kind']}" for twin in document.get("twins", ())]
            end = document["strategy"] if document["code"] == 0 else f"refused (exit {document['code']})"
            seconds = time.monotonic() - started
            print(f"{row.name:20} {end:24} {outcome.word:10} {seconds:5.1f} s  {', '.join(tried)}", flush=True)
    print(f"{right} end in a right way, {wrong} in a wrong one, of {len(chosen)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
