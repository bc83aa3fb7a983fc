"""How fast ``scaffold inspect`` reads, beside bare parsing and the reference implementation: ``make bench``.

Prints the table that stands in docs/reading.md. Every time is the best of some runs on a warm page cache; memory is
the peak of a process of its own.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.twin import write

RUNS = 7
LAYERS = {"10k": 9, "92k": 61, "500k": 327}
"""Hidden layers of the twin: the tensors grow with them."""


def bare(directory: Path) -> int:
    """Read and parse all headers, and nothing else."""
    count = 0
    for path in sorted(directory.glob("*.safetensors")):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            count += len(json.loads(file.read(length)))
    return count


def sweep(directory: Path) -> int:
    """Open each shard with the reference implementation, and ask for every tensor's shape and data type."""
    from safetensors import safe_open

    count = 0
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, "numpy") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                part = file.get_slice(name)
                part.get_shape(), part.get_dtype()
                count += 1
    return count


def index(directory: Path) -> int:
    """Read and parse the index alone."""
    return len(json.loads((directory / "model.safetensors.index.json").read_bytes())["weight_map"])


def reading(directory: Path) -> int:
    """Read headers and index, check them against each other, and find out all that inspect says of them."""
    from scaffold.capacity.plan import plan
    from scaffold.checkpoint.about import about
    from scaffold.checkpoint.read import read_checkpoint
    from scaffold.checkpoint.shards import without_collection

    with without_collection():
        read = read_checkpoint(directory)
        known = about(read)
        plan(read.text_config, known.patterns, dequantise=True)
        return len(read.weights.forms)


def best(function: Callable[[Path], int], directory: Path) -> float:
    """Return the seconds of the fastest run."""
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        function(directory)
        times.append(time.perf_counter() - started)
    return min(times)


def process(*words: str) -> tuple[float, int]:
    """Return seconds and peak MB of the fastest of some processes."""
    seconds, peak = [], 0
    for _ in range(RUNS):
        started = time.perf_counter()
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL, env={**os.environ, "PATH": "/usr/bin:/bin"})
        _, status, usage = os.wait4(child.pid, 0)
        assert status == 0, words
        seconds.append(time.perf_counter() - started)
        peak = max(peak, usage.ru_maxrss // 1024)
    return min(seconds), peak


def main() -> None:
    """Print the tables."""
    scaffold = str(Path(sys.executable).with_name("scaffold"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, best of {RUNS}\n")
    print("| tensors | index alone | bare `json.loads` | `safe_open` sweep | reading | reading / bare | "
          "`inspect --json`, whole process | peak |")  # fmt: skip
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    start_up, _ = process(scaffold, "inspect", "--help")
    root = Path(tempfile.mkdtemp(prefix="scaffold-bench-"))
    try:
        for name, layers in LAYERS.items():
            directory = root / name
            count = write(directory, layers)
            floor = best(bare, directory)
            ours = best(reading, directory)
            seconds, peak = process(scaffold, "inspect", "--json", str(directory))
            print(f"| {count:,} | {best(index, directory):.3f} s | {floor:.3f} s | {best(sweep, directory):.3f} s | "
                  f"{ours:.3f} s | {ours / floor:.1f} | {seconds:.2f} s | {peak} MB |", flush=True)  # fmt: skip
            shutil.rmtree(directory)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\n`scaffold inspect --help` alone: {start_up:.2f} s. Peak of the benchmark itself: {own} MB.")


if __name__ == "__main__":
    main()
