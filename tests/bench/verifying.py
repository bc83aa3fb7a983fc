"""How fast ``inspect --verify`` reads tensor data, beside ``cat`` and ``sha256sum``: ``make bench-verify``.

Writes a checkpoint with real data of five formats, damages one number in the whole of it, once per format, and sees
whether that is found. Everything is read from the page cache if it fits there, which is the hardest case for us: a disk
is slower than both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from scaffold.checkpoint.headers import DTYPE_BITS, read_shard
from tests.bench.damaged import FORMATS, NAN, write
from tests.bench.processes import fastest, peak

RUNS = 3


def damage(directory: Path, dtype: str, random: Random) -> tuple[str, int, Path, int, bytes]:
    """Make one number NaN; return tensor and index, and how to mend it: file, byte, and what was there."""
    places = [(path, span) for path in sorted(directory.glob("*.safetensors"))
              for span in read_shard(path).spans() if span.header.dtype == dtype]  # fmt: skip
    path, span = random.choice(places)
    width = DTYPE_BITS[dtype] // 8
    number = random.randrange((span.end - span.begin) // width)
    byte = span.begin + number * width
    with path.open("r+b") as file:
        file.seek(byte)
        was = file.read(width)
        file.seek(byte)
        file.write(NAN[dtype])
    return span.header.name, number, path, byte, was


def findings(directory: Path) -> list[tuple[str, str, int]]:
    """Return what ``inspect --verify`` finds: kind, tensor, index."""
    answer = subprocess.run(inspect(directory), stdout=subprocess.PIPE, check=False).stdout
    document: dict[str, Any] = json.loads(answer)
    return [(f["kind"], f["tensor"], f["index"]) for f in document["verification"]["findings"]]


def inspect(directory: Path, *more: str) -> tuple[str, ...]:
    """Return the command."""
    return (str(Path(sys.executable).with_name("scaffold")), "inspect", "--json", "--verify", *more, str(directory))


def main() -> int:
    """Print the tables; return 1 if a damaged number was not found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gib", type=float, default=20.0)
    gib: float = parser.parse_args().gib
    root = Path(tempfile.mkdtemp(prefix="scaffold-bench-"))
    try:
        size = write(root / "checkpoint", gib)
        return _report(root / "checkpoint", size)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _report(directory: Path, size: int) -> int:
    shards = [str(path) for path in sorted(directory.glob("*.safetensors"))]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores; {size / 1e9:.1f} GB in {len(shards)} shards, best of {RUNS}\n"
    )
    commands = {
        "cat": ("cat", *shards),
        "inspect --verify": inspect(directory),
        "sha256sum": ("sha256sum", *shards),
        "inspect --verify --sums": inspect(directory, "--sums"),
    }
    seconds = {name: fastest(RUNS, *words)[0] for name, words in commands.items()}
    print("| command | seconds | GB/s | peak |\n| --- | ---: | ---: | ---: |")
    for name, words in commands.items():
        print(f"| `{name}` | {seconds[name]:.2f} | {size / 1e9 / seconds[name]:.2f} | {peak(*words)} MB |")
    plain, hashed = (seconds[name] for name in ("inspect --verify", "inspect --verify --sums"))
    print(f"\n`--verify` at {seconds['cat'] / plain:.2f} of the speed of `cat`, "
          f"`--verify --sums` at {seconds['sha256sum'] / hashed:.2f} of that of `sha256sum`.\n")  # fmt: skip
    random, missed = Random(0), 0
    print("| one NaN in all of it | found |\n| --- | --- |")
    for dtype in FORMATS:
        tensor, number, path, byte, was = damage(directory, dtype, random)
        found = findings(directory) == [("NaN", tensor, number)]
        missed += not found
        print(f"| {dtype}, `{tensor}`, number {number:,} | {'yes, and nothing else' if found else 'NO'} |")
        with path.open("r+b") as file:
            file.seek(byte)
            file.write(was)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
