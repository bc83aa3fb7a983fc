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
import time
from pathlib import Path
from random import Random
from typing import Any

from scaffold.checkpoint.headers import DTYPE_BITS, read_shard
from tests.bench.damaged import FORMATS, NAN, write

RUNS = 3


def timed(*words: str) -> tuple[float, int, str, int]:
    """Run a command; return seconds, exit code, stdout, and its peak of memory in MB."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(words, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        out.seek(0)
        return seconds, os.waitstatus_to_exitcode(status), out.read().decode(), usage.ru_maxrss // 1024


def fastest(*words: str) -> tuple[float, int]:
    """Return the best time of some runs, and the peak of memory in MB."""
    runs = [timed(*words) for _ in range(RUNS)]
    assert all(code == 0 for _, code, _, _ in runs), words
    return min(run[0] for run in runs), max(run[3] for run in runs)


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
    document: dict[str, Any] = json.loads(timed(*inspect(directory))[2])
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
    rows = [("cat", *fastest("cat", *shards)), ("inspect --verify", *fastest(*inspect(directory))),
            ("sha256sum", *fastest("sha256sum", *shards)),
            ("inspect --verify --sums", *fastest(*inspect(directory, "--sums")))]  # fmt: skip
    print("| command | seconds | GB/s | peak |\n| --- | ---: | ---: | ---: |")
    for name, seconds, peak in rows:
        print(f"| `{name}` | {seconds:.2f} | {size / 1e9 / seconds:.2f} | {peak} MB |")
    print(f"\n`--verify` at {rows[0][1] / rows[1][1]:.2f} of the speed of `cat`, "
          f"`--verify --sums` at {rows[2][1] / rows[3][1]:.2f} of that of `sha256sum`.\n")  # fmt: skip
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
