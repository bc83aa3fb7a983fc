"""``make demo``: the main job on two architectures for which vLLM has no native model, on a real engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.lab.__main__ import DEMO, set_up
from tests.lab.cache import timed
from tests.lab.checkpoints import checkpoint
from tests.lab.commands import run
from tests.lab.ports import free_port
from tests.lab.workplace import Workplace, make_workplace

MODELS = {"Demo-Helium": "helium", "Demo-Solar-Open": "solar-open"}
"""Name → row of checkpoints.yaml."""
OTHER_RELEASE = ("--allow", "static-patches")
"""The vllm-ascend of the laboratory is made for another vLLM: stage static says so, and would stop."""
SERVE = (*OTHER_RELEASE, "--dtype", "float32", "--enforce-eager", "--max-model-len", "512", "--tp", "1,2")
FOLDER = Path(".demo")


def main() -> int:
    """Run the demo; 0 if every verdict is `passed` and every commit was made."""
    started = time.monotonic()
    set_up(DEMO)
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    with timed("a working copy of vLLM, an environment that runs it, and a vllm-ascend repo"):
        place = make_workplace(FOLDER)
    documents = {name: adapt(name, checkpoint(row), place) for name, row in MODELS.items()}
    show(documents, place)
    print(f"total: {time.monotonic() - started:.0f} s; trees, logs and evidence: {FOLDER}/")
    return 0 if all("commit" in document for document in documents.values()) else 1


def adapt(name: str, path: Path, place: Workplace) -> dict[str, Any]:
    """Run ``scaffold new-model`` for one checkpoint; its diff and all else it says go to a log."""
    words = ["new-model", str(path), "--name", name, *place.options(), "--validate", "--commit", "--json"]
    words += ["--accept-device", "cpu", "--accuracy-pending", "no NPU here", "--port", str(free_port()), *SERVE]
    words += ["--without", "features", "no NPU here", "--without", "capacity", "no NPU here"]
    print(f"\n== scaffold new-model {path.name} --validate --commit --accept-device cpu {' '.join(SERVE)}", flush=True)
    command = [str(Path(sys.executable).parent / "scaffold"), *words]
    said = place.root / f"{name}.log"
    with said.open("w", encoding="utf-8") as log, (place.root / f"{name}.json").open("w+", encoding="utf-8") as answer:
        process = subprocess.Popen(command, stdout=answer, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        for line in process.stderr:
            log.write(line)
            if line.startswith(("[", "error", "  expected:", "  remedy:")):
                print("  " + line, end="", flush=True)
        process.wait()
        answer.seek(0)
        document: dict[str, Any] = json.load(answer)
    print(f"   the diff and every decision: {said.relative_to(Path.cwd())}", flush=True)
    return document


def show(documents: dict[str, dict[str, Any]], place: Workplace) -> None:
    """Show what was decided, all verdicts, and the commits."""
    table = Table(title="Verdicts", title_justify="left")
    for column in ("model", "strategy", "stage", "tensor parallel", "device", "outcome", "why"):
        table.add_column(column, overflow="fold")
    for name, document in documents.items():
        for verdict in document.get("verdicts", ()):
            size = str(verdict["numbers"]["tensor_parallel_size"])
            cells = (verdict["stage"], size, verdict["device"], verdict["outcome"], verdict["reason"])
            table.add_row(name, document["strategy"], *cells)
    print()
    console = Console()
    console.width = max(console.width, 120)
    console.print(table)
    print(run("git", "log", "--stat=100", f"-{len(documents)}", "--format=commit %H%n%n%B", cwd=place.ascend))
    print("vLLM tree:")
    print(run("git", "status", "--short", cwd=place.vllm), end="")


if __name__ == "__main__":
    sys.exit(main())
