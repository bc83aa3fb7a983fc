"""``make test-steady``: the fast tests many times over, each time in another order, on a machine that is busy.

Beside the tests, one process per core does nothing but count. The seed of each order is printed, with how busy the
machine was at its end (the mean number of processes that wanted a core in the last minute):
``pytest --random-order-seed=SEED`` repeats it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

FAST = ("-m", "not engine")
ORDER = ("--random-order", "--random-order-bucket=global")


def main() -> int:
    """Run them; 0 if all runs were green."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="of the first order")
    parser.add_argument("--idle", action="store_true", help="keep no core busy")
    given, words = parser.parse_known_args()
    red = []
    with busy(0 if given.idle else os.cpu_count() or 1):
        for seed in range(given.seed, given.seed + given.times):
            started, before = time.monotonic(), os.times()
            command = [sys.executable, "-m", "pytest", *FAST, *ORDER, f"--random-order-seed={seed}", *words]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            outcome = "green" if done.returncode == 0 else "RED"
            after = os.times()
            used = after.children_user + after.children_system - before.children_user - before.children_system
            elapsed, load = time.monotonic() - started, os.getloadavg()[0]
            print(f"seed {seed}: {outcome}, {elapsed:.0f} s, {used:.0f} s of processor, load {load:.1f}", flush=True)
            if done.returncode != 0:
                red.append(seed)
                print(done.stdout[-20_000:], done.stderr[-2000:], flush=True)
    print(f"{given.times - len(red)} of {given.times} green" + (f"; red: {red}" if red else ""))
    return 1 if red else 0


@contextmanager
def busy(cores: int) -> Iterator[None]:
    """Keep this many cores busy."""
    counting = [multiprocessing.Process(target=_count, daemon=True) for _ in range(cores)]
    for process in counting:
        process.start()
    try:
        yield
    finally:
        for process in counting:
            process.terminate()


def _count() -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # ends with the run, however that ends
        for _ in range(1_000_000):
            pass


if __name__ == "__main__":
    sys.exit(main())
