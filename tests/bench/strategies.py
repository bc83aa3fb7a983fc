"""``make bench-strategies``: what ``new-model --twin`` ends in for each listed architecture, and whether it is right.

The twin proves each strategy; here the one that it ends in serves the row's own checkpoint, and the answer is compared
with the row's reference, which the twin has not seen. The steps are those of the command, in one process for all rows,
so that vLLM is imported once.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from codemods import Refusal
from scaffold.common.errors import ScaffoldError
from scaffold.evidence.workspace import Workspace
from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from scaffold.running.adaptation import apply_plan
from scaffold.running.twin import prove_in_turn
from scaffold_validators.engine import Engine, probe
from scaffold_validators.problem import Problem
from scaffold_validators.twin.workers import Workers, workers_for_many
from tests.bench.coverage.environment import environment
from tests.bench.coverage.outcomes import NOT_SERVED, Outcome, compare
from tests.bench.coverage.rows import Row, choose, make_rows
from tests.bench.coverage.server import Server

FOLDER = Path(".bench/strategies")
TRANSFORMERS = "transformers"


@dataclass
class End:
    """What the steps of ``new-model --twin`` ended in: a strategy, or why there is none; and what was tried before."""

    strategy: str = ""
    refused: str = ""
    twins: list[dict[str, Any]] = field(default_factory=list)


def ended_in(row: Row, folder: Path, engine: Engine, workers: Workers) -> End:
    """Plan, prove and write; a plugin that is written lies in ``plugin`` below the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    end, workspace = End(), Workspace(folder)
    request = Request(
        checkpoint=row.checkpoint,
        vllm=engine.vllm_file.parent.parent,
        delivery=None,
        placement=PLUGIN.name,
        output=folder / "plugin",
        transformers=engine.transformers,
        generated=workspace.generated,
    )
    try:
        for plan, verdict in prove_in_turn(make_plan(request), engine, workspace.logs(folder.name), workers):
            strategy = plan.decision.strategy.name
            end.twins.append(
                {"strategy": strategy, "kind": verdict.outcome.value, "reason": verdict.reason, **verdict.numbers}
            )
            if verdict.passed:
                apply_plan(plan, workspace)
                end.strategy = strategy
                return end
        end.refused = "nothing that was tried is right"
    except (ScaffoldError, Refusal, Problem) as error:
        end.refused = error.found
    return end


def served(row: Row, end: End, folder: Path, server: Server) -> Outcome:
    """Serve the row's own checkpoint in the way that it ended in."""
    if not end.strategy:
        return NOT_SERVED
    sources = folder / "plugin" / "src"
    packages = [path.name for path in sources.iterdir() if path.name.isidentifier()] if sources.is_dir() else []
    job = {
        "name": row.checkpoint.name,
        "checkpoint": str(row.checkpoint),
        "prompt": row.reference["prompt"],
        "new_tokens": len(row.reference["greedy"]),
        "model_impl": TRANSFORMERS if end.strategy == TRANSFORMERS else "vllm",
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
    place, wrong, right, refused = environment(), 0, 0, 0
    engine = probe(place.python)
    with Server(place, FOLDER.resolve() / "logs") as server, workers_for_many(engine) as workers:
        for row in (row for row in chosen if row.is_made):
            folder, started = (FOLDER / row.name).resolve(), time.monotonic()
            end = ended_in(row, folder, engine, workers)
            outcome = served(row, end, folder, server)
            said = {**asdict(end), "outcome": asdict(outcome)}
            (folder / "said.json").write_text(json.dumps(said, indent=2) + "\n")
            right += outcome.right
            wrong += outcome.loaded and not outcome.right
            refused += not end.strategy
            tried = ", ".join(f"{twin['strategy']} {twin['kind']}" for twin in end.twins)
            why = end.refused and f" ({end.refused[:200]})"
            seconds = time.monotonic() - started
            word = end.strategy or "refused"
            print(f"{row.name:20} {word:14} {outcome.word:10} {seconds:5.1f} s  {tried}{why}", flush=True)
    print(f"{right} end in a right way, {wrong} in a wrong one, {refused} are refused, of {len(chosen)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
