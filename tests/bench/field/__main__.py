"""``make bench-field CONFIGS=dir``: what the tool says of published configs, and how long it takes.

Which kind of decoder a model is, and the bytes that a token takes in the cache, a program of our own computes from the
config and transformers' modules (`kinds.py`, `cache.py`). No config is part of this project: the folder is an argument,
its files are called ``<organisation>__<name>.json``.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tests.bench.coverage.environment import environment
from tests.bench.field.kinds import DECODERS
from tests.bench.field.measure import Measured, measured

MAKE = Path(__file__).with_name("make.py")
WANTED = 0.95
"""Of the attention decoders that transformers can make: how many have to be proved."""


def made(configs: Path, work: Path, names: list[str], python: Path) -> Iterator[dict[str, Any]]:
    """Yield what is known of each config, as soon as its checkpoint is made."""
    command = [str(python), str(MAKE), str(configs), str(work), *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield from map(json.loads, child.stdout)


def main() -> int:
    """Make, measure, report. Exit code 1 if a command crashed, or too few are proved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="where the sparse checkpoints are, or go; thrown away without")
    parser.add_argument("--only", default="", help="names with * and ?, with commas between")
    asked = parser.parse_args()
    patterns = asked.only.split(",") if asked.only else ["*"]
    stems = sorted(path.stem for path in asked.configs.glob("*.json"))
    names = [stem for stem in stems if any(fnmatch.fnmatch(stem, pattern) for pattern in patterns)]
    if not names:
        parser.error(f"no config of that name in {asked.configs}")
    python = environment().python
    rows = []
    with nullcontext(asked.work) if asked.work else tempfile.TemporaryDirectory() as work:
        for about in made(asked.configs, Path(work), names, python):
            found = measured(Path(work) / about["name"], python)
            rows.append((about, found))
            words = (about["name"], about["kind"], found.outcome, f"{found.inspect.seconds:.1f} s", found.reason)
            print(*words, sep=" | ", flush=True)
    return report(rows)


def report(rows: list[tuple[dict[str, Any], Measured]]) -> int:
    """Print the tables."""
    print(
        "\n| kind of decoder, by transformers | configs | proved | hole | other |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for kind in sorted({about["kind"] for about, _ in rows}, key=lambda one: (one not in DECODERS, one)):
        outcomes = Counter(found.outcome for about, found in rows if about["kind"] == kind)
        other = outcomes.total() - outcomes["proved"] - outcomes["hole"]
        print(f"| {kind} | {outcomes.total()} | {outcomes['proved']} | {outcomes['hole']} | {other} |")
    decoders = [found for about, found in rows if about["kind"] in DECODERS]
    proved = sum(found.outcome == "proved" for found in decoders)
    share = proved / len(decoders) if decoders else 1.0
    print(f"\nattention decoders ({', '.join(DECODERS)}): {proved} of {len(decoders)} proved, {share:.1%}")
    print("\n| not proved | kind | outcome | reason |\n| --- | --- | --- | --- |")
    for about, found in rows:
        if found.outcome != "proved":
            print(f"| {about['name']} | {about['kind']} | {found.outcome} | {found.reason} |")
    _report_cache(rows)
    seconds = [found.inspect.seconds for _, found in rows]
    memory = max(found.inspect.memory for _, found in rows)
    print(f"\ninspect: {sum(seconds):.0f} s of processor in all, {max(seconds):.1f} s the longest, {memory} MB at most")
    for about, found in sorted(rows, key=lambda row: -row[1].inspect.seconds)[:5]:
        print(
            f"  {found.inspect.seconds:.1f} s, {found.inspect.memory} MB: {about['name']}, {about['tensors']:,} tensors"
        )
    crashed = [about["name"] for about, found in rows if found.outcome == "crash"]
    print(f"crashed: {', '.join(crashed) or 'none'}")
    return int(bool(crashed) or share < WANTED)


def _report_cache(rows: list[tuple[dict[str, Any], Measured]]) -> None:
    known = [(about, found) for about, found in rows if about.get("cache") is not None]
    equal = [about for about, found in known if found.cache == about["cache"]]
    unknown = [about["name"] for about, found in known if found.cache is None]
    print(f"\ncache: {len(equal)} of {len(known)} as computed here, {len(unknown)} unknown: {', '.join(unknown)}")
    for about, found in known:
        if found.cache not in (None, about["cache"]):
            print(f"  {about['name']}: {found.cache:,} bytes per token, {about['cache']:,} computed here")


if __name__ == "__main__":
    sys.exit(main())
