"""Mutated checkpoints by the thousand: ``python -m tests.fuzz --count 10000 --seed 0``.

Each has a number; ``--only NUMBER`` makes that one again, in a directory that is kept.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

from tests.fuzz.bases import BASES
from tests.fuzz.judge import MEGABYTES, judge
from tests.fuzz.mutate import mutate

BATCH = 100


def make(directory: Path, seed: int, number: int) -> str:
    """Make a mutated checkpoint; return what was done to it."""
    random = Random(f"{seed}-{number}")
    base = BASES[number % len(BASES)]
    base(directory)
    (directory.parent / "outside").write_text('{"secret": 1}')
    return f"{base.__name__}: {mutate(directory, random)}"


def batch(seed: int, first: int, count: int) -> tuple[list[str], float, int, int]:
    """Judge some; return what went wrong, the slowest's seconds, the peak of memory in MB, and how many were clean."""
    os.environ["PATH"] = "/nonexistent"  # no engine: what is fuzzed is the checkpoint
    wrong, slowest, clean = [], 0.0, 0
    with tempfile.TemporaryDirectory() as root:
        for number in range(first, first + count):
            directory = Path(root) / str(number)
            what = make(directory, seed, number)
            problem, seconds = judge(directory)
            clean += problem is None
            slowest = max(slowest, seconds)
            if problem is not None:
                wrong.append(f"number {number}, {what}\n{problem}")
            shutil.rmtree(directory, ignore_errors=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if peak > MEGABYTES:
        wrong.append(f"{peak} MB in the batch from number {first}")
    return wrong, slowest, peak, clean


def main() -> int:
    """Run it; return 1 if anything went wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if given.only is not None:
        directory = Path(tempfile.mkdtemp()) / "checkpoint"
        print(make(directory, given.seed, given.only), directory, sep="\n")
        print(judge(directory)[0] or "clean")
        return 0
    started = time.monotonic()
    firsts = range(0, given.count, BATCH)
    with ProcessPoolExecutor(given.processes) as pool:
        sizes = [min(BATCH, given.count - first) for first in firsts]
        results = list(pool.map(batch, [given.seed] * len(firsts), firsts, sizes))
    wrong = [text for result in results for text in result[0]]
    for text in wrong[:20]:
        print(text, "", sep="\n")
    clean = sum(result[3] for result in results)
    print(
        f"{given.count} mutated checkpoints (seed {given.seed}): {clean} clean results or errors, {len(wrong)} wrong; "
        f"slowest {max(result[1] for result in results):.2f} s, at most {max(result[2] for result in results)} MB; "
        f"{time.monotonic() - started:.0f} s in all"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
