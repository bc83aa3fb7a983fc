"""``make bench-mutations``: mutants of modeling source, their own references, and the adapters made of them."""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import repeat, zip_longest
from pathlib import Path
from typing import Any

from tests.bench.asked import Asked
from tests.bench.coverage.environment import environment
from tests.bench.mutations.measure import DEFECTS, NO_REFERENCE, OUTCOMES, Bench, warm_up
from tests.bench.mutations.mutate import Mutant, mutants
from tests.models.mixed import CONFIGS, write_mixed

HERE = Path(__file__).parent
TRIES = 4
"""How many mutants are made for each one that is wanted: of many the reference does not run."""


def main() -> int:
    """Measure, a line of ``OUT/results.jsonl`` per mutant; what is there is not measured again.

    Returns:
        1 if an adapter is wrong or the tool crashed, of a mutant or of a checkpoint itself; else 0.
    """
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--out", type=Path, help="folder of results and of what is made, to go on with; default: a new one"
    )
    options.add_argument(
        "--checkpoints", type=Path, help="folder of checkpoints with remote code; default: made-up ones"
    )
    options.add_argument("--reference", help="command that answers as reference.py does; default: that, in the engine")
    options.add_argument("--mutants", type=int, default=13, help="of each checkpoint, whose reference runs")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="", help="names of checkpoints, with commas")
    asked = options.parse_args()
    out: Path = (asked.out or Path(tempfile.mkdtemp(prefix="mutations-"))).resolve()
    print(f"results: {out}")
    (out / "logs").mkdir(parents=True, exist_ok=True)
    folder = asked.checkpoints or _made_up(out / "made-up")
    only = set(filter(None, asked.only.split(",")))
    found = sorted(one for one in folder.iterdir() if (one / "config.json").is_file())
    checkpoints = [one for one in found if not only or one.name in only]
    python = environment().python
    command = shlex.split(asked.reference or f"{python} {HERE / 'reference.py'} {out / 'modules'}")
    with ExitStack() as stack:
        reference = stack.enter_context(Asked(command, out / "reference.log"))
        adapters = stack.enter_context(Asked([python, HERE / "computed.py", out / "logs"], out / "adapters.log"))
        bench = Bench(reference, adapters, python, out)
        _run(bench, checkpoints, asked.mutants, asked.seed)
    rows = _rows(out / "results.jsonl")
    _table(rows)
    return 1 if any(row["result"] in DEFECTS for row in rows) else 0


def _made_up(folder: Path) -> Path:
    """Return a folder with the models that this project made up."""
    for name in CONFIGS:
        if not (folder / name).is_dir():
            write_mixed(name, folder / name)
    return folder


def _run(bench: Bench, checkpoints: list[Path], wanted: int, seed: int) -> None:
    """Measure the checkpoints themselves, then mutants of each in turn: what is cut short has some of all."""
    results = bench.folder / "results.jsonl"
    known = {row["key"]: row for row in _rows(results)}
    if checkpoints:
        warm_up(checkpoints[0], bench.folder, bench.python)
    for checkpoint in checkpoints:
        itself = known.get(checkpoint.name) or bench.measure(checkpoint, "", None, f"{checkpoint.name}@0")
        _keep(results, known, checkpoint.name, {"checkpoint": checkpoint.name, "kind": "", **itself})
    turns = [_measured(bench, one, known, wanted, seed) for one in checkpoints]
    for _ in zip_longest(*turns):
        pass


def _measured(
    bench: Bench, checkpoint: Path, known: dict[str, dict[str, Any]], wanted: int, seed: int
) -> Iterator[None]:
    """Yield whenever another mutant has been measured whose reference runs."""
    lines = known[checkpoint.name].get("lines", {})
    ran = 0
    for tried, (file, mutant) in enumerate(of_files(checkpoint, lines, seed)):
        if ran == wanted or tried == TRIES * wanted:
            return
        text = f"{checkpoint.name} {file} {mutant.kind} {mutant.line} {mutant.after}"
        key = hashlib.sha256(text.encode()).hexdigest()[:10]
        if key not in known:
            row = bench.measure(checkpoint, file, mutant, f"{checkpoint.name}@{key}")
            change = {"kind": mutant.kind, "where": f"{file}:{mutant.line}"}
            change |= {"before": mutant.before, "after": mutant.after}
            _keep(bench.folder / "results.jsonl", known, key, {"checkpoint": checkpoint.name, **change, **row})
            if row["result"] not in DEFECTS:
                shutil.rmtree(bench.place(f"{checkpoint.name}@{key}").parent, ignore_errors=True)
        if known[key]["result"] != NO_REFERENCE:
            ran += 1
            yield


def of_files(checkpoint: Path, lines: dict[str, list[int]], seed: int) -> Iterator[tuple[str, Mutant]]:
    """Yield mutants of all files that run, in turn."""
    texts = {file: (checkpoint / file).read_text() for file in sorted(lines) if (checkpoint / file).is_file()}
    each = [zip(repeat(file), mutants(text, set(lines[file]), seed)) for file, text in texts.items()]
    for row in zip_longest(*each):
        yield from (one for one in row if one is not None)


def _keep(results: Path, known: dict[str, dict[str, Any]], key: str, row: dict[str, Any]) -> None:
    if key in known:
        return
    known[key] = {"key": key, **row}
    with results.open("a") as file:
        file.write(json.dumps(known[key]) + "\n")
    change = f"{row.get('where', '')}  {row.get('before', '')}  →  {row.get('after', '')}" if row["kind"] else ""
    print(f"{row['checkpoint']:22} {row['result']:10.10} {row['kind']:9}{change[:150]}  {row['why'][:150]}", flush=True)


def _rows(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []


def _table(results: list[dict[str, Any]]) -> None:
    """Print how many mutants of each checkpoint end in what."""
    rows = [row for row in results if row["kind"]]
    print(f"{'':22} " + " ".join(f"{one:>8.8}" for one in OUTCOMES))
    for name in [*sorted({row["checkpoint"] for row in rows}), ""]:
        counts = Counter(row["result"] for row in rows if not name or row["checkpoint"] == name)
        print(f"{name or 'all':22} " + " ".join(f"{counts[one]:8}" for one in OUTCOMES))


if __name__ == "__main__":
    sys.exit(main())
