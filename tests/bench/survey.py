"""``make bench-survey``: `scaffold survey` over the lab's vLLM, into docs/survey.md, with what was read by hand.

``survey.yaml`` has a sentence for each implementation that disagrees: what differs, checked in both sources.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import yaml

from scaffold.running.survey import Surveyed, markdown
from scaffold_validators.records import structure
from tests.bench.coverage.environment import environment
from tests.bench.faults import call
from tests.lab.engine import engine

HERE = Path(__file__).parent
FOLDER = Path(".bench/survey")
PAGE = Path("docs/survey.md")
HEAD = """# vLLM's own text decoders, surveyed

Written by `make bench-survey`, which runs [`scaffold survey`](twin.md) over a vLLM tree: for each text decoder that its
registry has and transformers can make, a twin of transformers' default config with random weights through the tree's
own implementation. *Right*: log probabilities of all prompt tokens within 0.001 of transformers', 12 of 12 greedy
tokens the same. *Wrong*: it answers, and computes something else; *first parts at* is the first layer and block whose
output differs. *Fails*: it was not served. *Not made*: transformers cannot make its own default config small. Median
and p95 are of the differences of log probabilities, in nats. What stands in for kernels of the CPU engine is in the
last column; nothing else of vLLM's was changed.

It says nothing of forms that a default config does not have, and nothing about NPUs.

{versions}."""
BY_HAND = """## What differs

Each implementation that is wrong or not served, looked up by hand in vLLM's and transformers' source.
"""


def page(rows: list[Surveyed], notes: dict[str, str]) -> str:
    """Return the page."""
    told = [
        f"- {row.architecture}: {' '.join(notes[row.architecture].split())}"
        for row in rows
        if row.architecture in notes
    ]
    versions = ", ".join(rows[0].versions)
    return "\n".join([HEAD.format(versions=versions), "", markdown(rows), BY_HAND, *told, ""])


def main() -> int:
    """Run the survey, which keeps what it has, and write the page; 0 if each disagreement has its sentence."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.survey")
    parser.add_argument("--only", default="", help="architectures or model types; docs/survey.md stays as it is")
    only = parser.parse_args().only
    FOLDER.mkdir(parents=True, exist_ok=True)
    words = ("--vllm", str(engine().pristine), "--python", str(environment().python), "--work", str(FOLDER))
    document = call("survey", *words, *(("--only", only) if only else ()))
    if document["code"] != 0:
        print(document["said"])
        return 1
    rows = [structure(row, Surveyed, "survey") for row in document["survey"]]
    notes = yaml.safe_load((HERE / "survey.yaml").read_text())
    print(markdown(rows))
    (FOLDER / "rows.json").write_text(json.dumps(document["survey"], indent=2) + "\n")
    if not only:
        PAGE.write_text(page(rows, notes), encoding="utf-8")
    unsaid = [row.architecture for row in rows if row.outcome in ("wrong", "fails") and row.architecture not in notes]
    if unsaid:
        print(f"not looked up by hand: {', '.join(unsaid)}")
    return 1 if unsaid and not only else 0


if __name__ == "__main__":
    raise SystemExit(main())
