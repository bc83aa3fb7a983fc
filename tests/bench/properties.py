"""``make bench-properties``: new examples of every property, by the ten thousand; SEED says which.

What it finds is mended and stays as an ``@example`` of its property, which the test command then tries everywhere.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys


def main() -> int:
    """Draw examples for each seed in turn; 0 if all properties held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000, help="of each property (those that take long: fewer)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from --seed on")
    parser.add_argument("--only", default="", help="a part of the names of properties, as of pytest -k")
    given, others = parser.parse_known_args()
    words = ["-m", "hypothesis and not engine", "-k", given.only, *others]
    worst = 0
    for seed in range(given.seed, given.seed + given.seeds):
        print(f"== seed {seed}, {given.examples:,} examples", flush=True)
        command = [sys.executable, "-m", "pytest", *words, f"--hypothesis-seed={seed}"]
        environment = {**os.environ, "SCAFFOLD_EXAMPLES": str(given.examples)}
        worst = max(worst, subprocess.run(command, env=environment, check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
