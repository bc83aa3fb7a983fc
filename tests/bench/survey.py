"""``make bench-survey``: `scaffold survey` over the lab's vLLM, into docs/survey.md, with what was read by hand.

``survey.yaml`` has a sentence for each implementation that disagrees: what differs, checked in both sources.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from scaffold.roots.vllm_tree import read_vllm_tree
from scaffold.running.survey import Decoder, Surveyed, concluded, decoders, markdown
from scaffold.strategy.supported import SUPPORTED
from scaffold_validators.engine import probe
from scaffold_validators.outcome import Outcome
from scaffold_validators.records import structure
from tests.bench.coverage.environment import environment
from tests.bench.coverage.measure import architecture
from tests.bench.coverage.rows import choose
from tests.bench.faults import call
from tests.bench.strategies import End, kept
from tests.lab.engine import engine

HERE = Path(__file__).parent
FOLDER = Path(".bench/survey")
PAGE = Path("docs/survey.md")
HEAD = """# vLLM's own text decoders, surveyed

Written by `make bench-survey`, which runs [`scaffold survey`](twin.md) over a vLLM tree. For each architecture of
[coverage.md](coverage.md) that is in its registry, the tree's own implementation serves a twin of transformers' default
config with random weights (`ALL=1`: for each text decoder that is in the registry and that transformers can make).

*Right*: log probabilities of all prompt tokens within 0.001 of transformers', 12 of 12 greedy tokens the same. *Wrong*:
it answers, but computes something else; *first parts at* is the first layer and block whose output differs. *Fails*: it
was not served. *Not made*: transformers cannot run its own default config. Median and p95 are of the differences of log
probabilities, in nats. The last column names stand-ins for kernels of the CPU engine; nothing else in vLLM was
changed.

The survey says nothing about forms that a default config does not have, and nothing about NPUs.

{versions}."""
OF_LIST = """## With the configs of the coverage list

The same survey for the checkpoints of [coverage.md](coverage.md), whose configs go beyond the defaults: biases,
other activations, groups of experts. These are the twin's results in [strategies.md](strategies.md); *refused*
means that the static proof refused it beforehand, and no twin was served.
"""
BY_HAND = """## What differs

Each implementation that is wrong or not served was looked up by hand in vLLM's and transformers' source.
"""


def page(rows: Sequence[Surveyed], of_list: Sequence[Surveyed], notes: Mapping[str, str]) -> str:
    """Return the page."""
    told = [f"- {name}: {' '.join(notes[name].split())}" for name in sorted(notes)]
    versions = ", ".join(rows[0].versions)
    parts = [HEAD.format(versions=versions), "", markdown(rows), OF_LIST, markdown(of_list), BY_HAND, *told, ""]
    return "\n".join(parts)


def of_coverage_list(known: Mapping[str, Decoder]) -> list[Surveyed]:
    """Return what the twin showed of the tree's own implementations in ``make bench-strategies``."""
    found = []
    for row in choose(None, extra=False):
        decoder, said = known.get(architecture(row)), kept(row)
        if decoder is not None and said is not None:
            found.append(_of_list(row.name, decoder, said.end))
    return found


def _of_list(name: str, decoder: Decoder, end: End) -> Surveyed:
    first = Surveyed(decoder.architecture, name, decoder.own, "refused", end.static.get(SUPPORTED.name, end.refused))
    twin = next((twin for twin in end.twins if twin["strategy"] == SUPPORTED.name), None)
    return first if twin is None else concluded(first, Outcome(twin["kind"]), twin["reason"], twin)


def main() -> int:
    """Run the survey, which keeps what it has, and write the page; 0 if each disagreement has its sentence."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.survey")
    parser.add_argument("--only", default="", help="architectures or model types; docs/survey.md stays as it is")
    parser.add_argument("--all", action="store_true", help="all that the tree registers, not the coverage list's alone")
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    transformers = probe(environment().python).transformers
    assert transformers is not None
    known = decoders(read_vllm_tree(engine().pristine), transformers)
    listed = ",".join(name for name in map(architecture, choose(None, extra=False)) if name in known)
    only = asked.only or ("" if asked.all else listed)
    words = ("--vllm", str(engine().pristine), "--python", str(environment().python), "--work", str(FOLDER))
    document = call("survey", *words, *(("--only", only) if only else ()))
    if document["code"] != 0:
        print(document["said"])
        return 1
    rows = [structure(row, Surveyed, "survey") for row in document["survey"]]
    notes = yaml.safe_load((HERE / "survey.yaml").read_text())
    print(markdown(rows))
    (FOLDER / "rows.json").write_text(json.dumps(document["survey"], indent=2) + "\n")
    if not asked.only:
        rows_of_list = of_coverage_list(known)
        PAGE.write_text(page(rows, rows_of_list, notes), encoding="utf-8")
        rows += rows_of_list
    unsaid = sorted({row.architecture for row in rows if row.outcome != "right"} - notes.keys())
    if unsaid:
        print(f"not looked up by hand: {', '.join(unsaid)}")
    return 1 if unsaid and not asked.only else 0


if __name__ == "__main__":
    raise SystemExit(main())
