"""How fast ``scaffold inspect`` reads, beside bare parsing and the reference implementation: ``make bench``.

Prints the table that stands in docs/reading.md. Times are processor seconds (on an idle machine, the time that passes),
the best of some runs on a warm page cache; memory is the peak of a process of its own.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import struct
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.processes import fastest, peak
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


FUNCTIONS = (index, bare, sweep, reading)


def best(directory: Path) -> dict[str, float]:
    """Return the processor seconds of each function's fastest run; the functions take turns."""
    times: dict[str, list[float]] = {function.__name__: [] for function in FUNCTIONS}
    for _ in range(RUNS):
        for function in FUNCTIONS:
            started = time.process_time()
            function(directory)
            times[function.__name__].append(time.process_time() - started)
    return {name: min(values) for name, values in times.items()}


def main() -> None:
    """Print the table."""
    scaffold = str(Path(sys.executable).with_name("scaffold"))
    machine = f"{platform.machine()}, {os.cpu_count()} cores with a load of {os.getloadavg()[0]:.0f}"
    print(f"{machine}, Python {platform.python_version()}, best of {RUNS}\n")
    print("| tensors | index alone | bare `json.loads` | `safe_open` sweep | reading | reading / bare | "
          "`inspect --json`: processor | wall clock | peak |")  # fmt: skip
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    root = Path(tempfile.mkdtemp(prefix="scaffold-bench-"))
    try:
        for name, layers in LAYERS.items():
            directory = root / name
            count = write(directory, layers)
            found = best(directory)
            words = (scaffold, "inspect", "--json", str(directory))
            wall, processor = fastest(RUNS, *words)
            print(f"| {count:,} | {found['index']:.3f} s | {found['bare']:.3f} s | {found['sweep']:.3f} s | "
                  f"{found['reading']:.3f} s | {found['reading'] / found['bare']:.1f} | {processor:.2f} s | "
                  f"{wall:.2f} s | {peak(*words)} MB |", flush=True)  # fmt: skip
            shutil.rmtree(directory)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    wall, processor = fastest(RUNS, scaffold, "inspect", "--help")
    print(f"\nStart-up alone (`inspect --help`): {processor:.2f} s of processor, {wall:.2f} s.")


if __name__ == "__main__":
    main()
