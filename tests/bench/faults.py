"""``make bench-twin``: the twin says right of adapters as generated, and wrong of twelve faults planted in them.

A fault is an edit of a plugin's text that loads and answers, as careless authors make them. ``make bench-twin EVERY=1``
asks instead for the twin of each architecture of the coverage list.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.coverage.environment import Environment, environment
from tests.bench.coverage.rows import make_rows, rows

SCAFFOLD = Path(sys.executable).parent / "scaffold"
FOLDER = Path(".bench/twin")
LIMIT = 90
"""Seconds that a twin may take."""


@dataclass(frozen=True)
class Fault:
    """A pattern of a generated adapter, and what a careless author would have written."""

    name: str
    row: str
    right: str
    wrong: str


FAULTS = (
    Fault("the epsilon of the norms", "qwen3", r"eps=config\.rms_norm_eps", "eps=0.5"),
    Fault("no norm on q", "qwen3", r"self\.q_norm\((\w+)", r"torch.nn.Identity()(\1"),
    Fault("the scale of the attention", "qwen3", r"self\.head_dim\*\*-0\.5", "self.head_dim**-0.25"),
    Fault("another activation", "qwen3", r"SiluAndMul", "GeluAndMul"),
    Fault("gate and up swapped", "qwen3", r'("\.gate_up_proj", )0\)(.*?)\1 ?1\)', r"\g<1>1)\2\g<1>0)"),
    Fault("the values scaled", "solar_open", r"self\.attn\(q, k, v\)", "self.attn(q, k, v * 1.5)"),
    Fault("rotation of the other style", "helium", r"\n *is_neox_style=False,", ""),
    Fault(
        "the router's correction ignored",
        "solar_open",
        r"(e_score_correction_bias=)(self[\w.]+)",
        r"\1torch.zeros_like(\2)",
    ),
    Fault(
        "weights of experts not renormalised", "solar_open", r"renormalize=config\.norm_topk_prob", "renormalize=False"
    ),
    Fault(
        "the routed experts not scaled", "solar_open", r"routed_scaling_factor=config\.\w+", "routed_scaling_factor=1.0"
    ),
    Fault(
        "every group of experts allowed", "solar_open", r"topk_group=config\.topk_group", "topk_group=config.n_group"
    ),
    Fault(
        "a layer left out", "helium", r"self\.start_layer, self\.end_layer\):", "self.start_layer, self.end_layer - 1):"
    ),
)


def make_plugin(row: str, place: Environment, output: Path) -> dict[str, Any]:
    """Run ``new-model --twin`` for a row and return its document."""
    shutil.rmtree(output, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    words = ("--strategy", "native", "--placement", "plugin", "--output", str(output), "--work", str(output.parent))
    return call("new-model", str(rows()[row].checkpoint), *words, "--python", str(place.python), "--twin")


def twin(row: str, place: Environment, plugin: Path) -> dict[str, Any]:
    """Run ``scaffold twin`` on a plugin as it lies there, and return its verdict."""
    words = ("--plugin", str(plugin), "--work", str(plugin.parent), "--python", str(place.python))
    (verdict,) = call("twin", str(rows()[row].checkpoint), *words)["verdicts"]
    return verdict  # type: ignore[no-any-return]


@contextmanager
def planted(fault: Fault, plugin: Path) -> Iterator[None]:
    """Edit the adapter for a while.

    Raises:
        LookupError: the adapter has no such text any more, so that nothing would be tested.
    """
    (adapter,) = (path for path in plugin.rglob("*.py") if path.name != "__init__.py")
    before = adapter.read_text()
    after = re.sub(fault.right, fault.wrong, before, flags=re.DOTALL)
    if after == before:
        raise LookupError(f"{fault.row}: nothing to plant {fault.name!r} in: no {fault.right}")
    adapter.write_text(after)
    try:
        yield
    finally:
        adapter.write_text(before)


def call(*words: str) -> dict[str, Any]:
    """Run the command and return its document and exit code."""
    done = subprocess.run([str(SCAFFOLD), *words, "--json"], capture_output=True, text=True, check=False)
    document: dict[str, Any] = json.loads(done.stdout)
    return {**document, "code": done.returncode, "said": done.stderr}


def main() -> int:
    """Run the benchmark; 0 if right is called right and all faults wrong, each in time."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.faults")
    parser.add_argument("--every", action="store_true", help="each listed architecture as generated, no faults")
    return every() if parser.parse_args().every else planted_faults()


def every() -> int:
    """Ask for the twin of each listed architecture; 0 if all without a hole are called right in time."""
    listed = [row for row in rows().values() if row.listed]
    make_rows(listed)
    place, failures, right, holes = environment(), 0, 0, 0
    for row in listed:
        plugin = (FOLDER / row.name / "plugin").resolve()
        started = time.monotonic()
        document = make_plugin(row.name, place, plugin)
        if not plugin.exists():
            holes += 1
            print(f"{'hole':10} {row.name:12} {str(document.get('error', ''))[:160]}", flush=True)
            continue
        verdict = document.get("twin", {})
        good = verdict.get("outcome") == "passed"
        right += good
        failures += say(row.name, "as generated", verdict, time.monotonic() - started, good)
    print(f"{right} right, {holes} holes, {failures} not as expected, of {len(listed)}")
    return 1 if failures else 0


def planted_faults() -> int:
    """Plant each fault; 0 if all are called wrong, and the adapters without them right."""
    make_rows([rows()[name] for name in {fault.row for fault in FAULTS}])
    place, failures = environment(), 0
    for name in sorted({fault.row for fault in FAULTS}):
        plugin = (FOLDER / name / "plugin").resolve()
        started = time.monotonic()
        verdict = make_plugin(name, place, plugin).get("twin", {})
        good = verdict.get("outcome") == "passed"
        failures += say(name, "as generated", verdict, time.monotonic() - started, good)
        for fault in FAULTS:
            if fault.row == name and good:
                started = time.monotonic()
                with planted(fault, plugin):
                    verdict = twin(name, place, plugin)
                failures += say(name, fault.name, verdict, time.monotonic() - started, is_wrong(verdict))
    print(f"{failures} of {len(FAULTS)} faults and {len({f.row for f in FAULTS})} adapters not as expected")
    return 1 if failures else 0


def is_wrong(verdict: dict[str, Any]) -> bool:
    """Return whether the twin was served, and computed something else."""
    return verdict["outcome"] == "failed" and verdict["reason"].startswith("wrong: ")


def say(row: str, what: str, verdict: dict[str, Any], seconds: float, expected: bool) -> bool:
    """Show one line; return whether it is a failure."""
    late = seconds > LIMIT
    mark = "ok" if expected and not late else "LATE" if expected else "UNEXPECTED"
    print(f"{mark:10} {row:12} {what:36} {seconds:5.1f} s  {verdict.get('reason', 'no verdict')[:200]}", flush=True)
    return not expected or late


if __name__ == "__main__":
    raise SystemExit(main())
