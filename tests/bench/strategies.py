"""``make bench-strategies``: what ``new-model --twin`` ends in for each listed architecture, and whether it is right.

The twin proves each strategy; here the one that it ends in serves the row's own checkpoint, and the answer is compared
with the row's reference, which the twin has not seen. The steps are those of the command, in one process for all rows,
so that vLLM is imported once. ``REUSE=1`` takes what an earlier run came to where it is kept in ``.bench/strategies``.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
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
from scaffold_validators.records import Kind, dump, load
from scaffold_validators.twin.workers import Workers, workers_for_many
from tests.bench.coverage.environment import environment
from tests.bench.coverage.outcomes import NOT_SERVED, Outcome, compare
from tests.bench.coverage.rows import Row, choose, make_rows
from tests.bench.coverage.server import Server

FOLDER = Path(".bench/strategies")
PAGE = Path("docs/strategies.md")
TRANSFORMERS = "transformers"
HEAD = """# What `auto` ends in

Written by `make bench-strategies`. For each architecture of [coverage.md](coverage.md), it runs
`new-model --twin --placement plugin`, which chooses the strategy. Each strategy that passes the static proof serves a
twin; the first one that is right is written, and then serves the checkpoint of the coverage list, of which the twin has
seen only the config. *Right* means: log probabilities of all prompt tokens within 0.001 of transformers', and all
greedy tokens the same. If kernels of the CPU engine compute wrong results ([twin.md](twin.md)), the table says what
stood in for them.

{versions}.

| architecture | ends in | serves the checkpoint | largest difference | why earlier strategies failed |
| --- | --- | --- | --- | --- |"""


@dataclass
class End:
    """What the steps of ``new-model --twin`` ended in.

    Attributes:
        strategy: the one that was written; empty where there is none.
        refused: why there is none.
        static: why the static proof did not let a strategy through, before any twin.
        twins: what the twin showed of each that was tried.
    """

    strategy: str = ""
    refused: str = ""
    static: dict[str, str] = field(default_factory=dict)
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
        first = make_plan(request)
        end.static = {strategy.name: answer.reason for strategy, answer in first.decision.answers if not answer.holds}
        for plan, verdict in prove_in_turn(first, engine, workspace.logs(folder.name), workers):
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


@dataclass(frozen=True)
class Said:
    """What a row came to."""

    name: str
    end: End
    outcome: Outcome

    @property
    def wrong(self) -> bool:
        """Return whether it was served, and computed something else."""
        return self.outcome.loaded and not self.outcome.right

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        off = self.outcome.difference
        shown = [f"{name}: {_short(why)}" for name, why in self.end.static.items() if is_told(name, why)]
        shown += [
            f"{twin['strategy']}: {_short(twin['reason'])}" for twin in self.end.twins if twin["kind"] != "passed"
        ]
        if self.end.refused and self.end.twins == []:
            shown.append(_short(self.end.refused))
        word = self.end.strategy or "refused"
        served = self.outcome.word if self.end.strategy else "–"
        served += "".join(f", {name} stood in for" for name in self.outcome.shims)
        return self.name, word, served, "–" if off is None else f"{off:.1e}", "; ".join(shown)


SAID = Kind("ended in", 1, Said, remedy="remove the file, and run the benchmark again")


def is_told(strategy: str, reason: str) -> bool:
    """Return whether the reason is of an implementation that exists and was looked at."""
    return strategy == "supported" and ", but " in reason


def _short(reason: str) -> str:
    text = " ".join(reason.split()).replace("|", "\\|")
    text = text.removeprefix("the twin could not be served: ").split("; stood in for")[0]
    return text if len(text) <= 160 else text[:157] + "…"


def measure(row: Row, engine: Engine, server: Server, workers: Workers) -> Said:
    """Measure a row, and keep what it came to."""
    folder = (FOLDER / row.name).resolve()
    end = ended_in(row, folder, engine, workers)
    said = Said(row.name, end, served(row, end, folder, server))
    (folder / "said.json").write_text(dump(SAID, said))
    return said


def kept(row: Row) -> Said | None:
    """Return what an earlier run came to."""
    path = FOLDER / row.name / "said.json"
    try:
        return load(SAID, path)
    except Problem:
        return None


def summary(said: Sequence[Said]) -> str:
    """Return the counts."""
    right, wrong = sum(one.outcome.right for one in said), sum(one.wrong for one in said)
    refused = sum(not one.end.strategy for one in said)
    ends = Counter(one.end.strategy for one in said if one.end.strategy)
    ways = ", ".join(f"{name} {count}" for name, count in ends.most_common())
    return f"Of {len(said)}: {right} end in a right way ({ways}), {wrong} in a wrong one, {refused} are refused."


def main() -> int:
    """Run the benchmark; 0 unless something ends in a wrong way."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.strategies")
    parser.add_argument("--only", help="rows, such as gemma2,phi (default: the list, into docs/strategies.md)")
    parser.add_argument("--reuse", action="store_true", help="take rows that were measured before as they are")
    asked = parser.parse_args()
    chosen = choose(asked.only or None, extra=False)
    make_rows(chosen)
    place = environment()
    engine, found = probe(place.python), []
    with Server(place, FOLDER.resolve() / "logs") as server, workers_for_many(engine) as workers:
        for row in (row for row in chosen if row.is_made):
            started = time.monotonic()
            said = (kept(row) if asked.reuse else None) or measure(row, engine, server, workers)
            found.append(said)
            print(f"{'  '.join(said.cells())}  {time.monotonic() - started:.1f} s", flush=True)
    print(summary(found))
    if not asked.only:
        versions = ", ".join(f"{name} {version}" for name, version in sorted(engine.versions.items()))
        lines = [HEAD.format(versions=versions), *(f"| {' | '.join(said.cells())} |" for said in found), ""]
        PAGE.write_text("\n".join([*lines, summary(found), ""]), encoding="utf-8")
    return 1 if any(said.wrong for said in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
