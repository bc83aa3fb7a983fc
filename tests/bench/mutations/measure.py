"""One mutant: its own reference, what the tool makes of it, and whether the adapter computes the same."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.cli.one_core import one_core
from tests.bench.asked import Asked
from tests.bench.mutations.mutate import Mutant
from tests.bench.mutations.same import seen

PROMPTS = (
    [(7 * i * i + 31 * i + 5) % 89 + 3 for i in range(40)],
    [(11 * i * i + 17 * i + 2) % 83 + 4 for i in range(7)],
)
"""One longer than windows of small models, and a short one: what depends on the length shows."""
TOLERANCE = 1e-5
"""Largest difference of a log probability, as a part of the largest one (`apart`). What float32 rounds grows with the
logits: of the models that this project made up, references in float32 and in float64 are 1e-7 to 6e-7 apart (draco
2e-6 of 9, lyra, whose logits reach 156, 1.0e-4 of 166)."""
SECONDS = 120
"""Of processor time that the generation of an adapter may take: a busy machine makes no holes."""

RIGHT, HOLE, WRONG, FAILS, CRASH = "right", "hole", "wrong", "fails", "crash"
NO_REFERENCE = "reference does not run"
OUTCOMES = (RIGHT, HOLE, WRONG, FAILS, CRASH, NO_REFERENCE)
"""``fails``: an adapter was written that does not load or run, which says so itself; ``crash``: the tool gave no
answer, by an error of its own or out of time."""
DEFECTS = (WRONG, CRASH)
"""Outcomes that no mutant may have."""


@dataclass(frozen=True)
class Bench:
    """What mutants are asked of."""

    reference: Asked
    adapters: Asked
    python: Path
    """Of the engine's environment."""
    folder: Path
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of adapters, by what they depend on (`seen`)."""

    def place(self, name: str) -> Path:
        """Return the folder that a mutant is written to."""
        checkpoint, _, number = name.rpartition("@")
        return self.folder / "mutants" / number / checkpoint

    def measure(self, checkpoint: Path, file: str, mutant: Mutant | None, name: str) -> dict[str, Any]:
        """Return how a mutant ends, ``{"result", "why", "difference", "reference", "seconds"}``.

        Args:
            checkpoint: the folder that is changed; it stays as it is.
            file: its file that the mutant replaces.
            mutant: None for the checkpoint itself, with the lines that run as ``lines``.
            name: of the mutant, ``checkpoint@number``.
        """
        started = time.monotonic()
        place = self.place(name)
        written(checkpoint, place, {} if mutant is None else {file: mutant.text})
        job = {"name": name, "checkpoint": str(place), "prompts": PROMPTS}
        reference = self.reference.ask({**job, "lines": mutant is None})
        found = {"result": NO_REFERENCE, "why": reference.get("error", "")}
        if "error" not in reference:
            found = self._adapter(job, place, reference["logprobs"])
        if mutant is None:
            found["lines"] = reference.get("lines", {})
        return {**found, "seconds": round(time.monotonic() - started, 1)}

    def _adapter(self, job: dict[str, Any], place: Path, wanted: list[list[float]]) -> dict[str, Any]:
        plugin = place / "plugin"
        why_not = generated(place, plugin, self.python)
        if why_not is not None:
            return why_not
        package = next(path.name for path in (plugin / "src").iterdir() if path.name.isidentifier())
        same = seen(place, plugin / "src")
        found = self.answers.get(same) or self.adapters.ask({**job, "plugin": [str(plugin / "src"), package]})
        if "error" in found:
            return {"result": FAILS, "why": found["error"][:300]}
        self.answers[same] = found
        difference = apart(wanted, found["logprobs"])
        right = difference <= TOLERANCE
        return {"result": RIGHT if right else WRONG, "why": "", "difference": float(f"{difference:.1e}")}


def apart(wanted: list[list[float]], found: list[list[float]]) -> float:
    """Return the largest difference of a log probability as a part of the largest wanted one, or of 1 if that is more.

    It is infinite where a number of either side is none.
    """
    pairs = [pair for rows in zip(wanted, found, strict=True) for pair in zip(*rows, strict=True)]
    difference = max(abs(a - b) if math.isfinite(a - b) else math.inf for a, b in pairs)
    return difference / max(1.0, *(abs(a) for a, _ in pairs))


def written(checkpoint: Path, place: Path, changed: dict[str, str]) -> None:
    """Write a checkpoint anew, its tensors as links, with other texts for some of its files."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for path in sorted(checkpoint.iterdir()):
        if path.suffix == ".safetensors":
            os.link(path.resolve(), place / path.name)
        elif path.is_file():
            (place / path.name).write_text(changed.get(path.name, path.read_text()))


def generated(checkpoint: Path, plugin: Path, python: Path) -> dict[str, Any] | None:
    """Write the adapter of a checkpoint as the command line does, in a fork.

    Returns:
        ``{"result", "why"}`` where there is none: a hole that the tool names, or a crash; None where there is one.
    """
    answer = checkpoint / "answer.json"
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        with answer.open("w") as said, (checkpoint / "errors.txt").open("w") as errors:
            os.dup2(said.fileno(), 1)
            os.dup2(errors.fileno(), 2)
        code = 1
        try:
            code = _command(checkpoint, plugin, python)
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    try:
        said = json.loads(answer.read_text())
    except ValueError:
        ended = f"no answer ({os.waitstatus_to_exitcode(status)}): {(checkpoint / 'errors.txt').read_text()[-300:]}"
        return {"result": CRASH, "why": ended}
    holes = [f"{hole['what']} @ {hole['where']}" for hole in said.get("holes") or ()]
    why = " | ".join(holes) or str((said.get("error") or {}).get("found", ""))
    return None if plugin.is_dir() else {"result": HOLE, "why": why} if why else {"result": CRASH, "why": "no reason"}


def warm_up(checkpoint: Path, folder: Path, python: Path) -> None:
    """Generate an adapter in this process: forks find all parsed and compiled that is the same for any checkpoint."""
    with one_core():
        import scaffold.cli.new_model  # noqa: F401 - once, for all forks
    place = folder / "warm"
    written(checkpoint, place, {})
    before = os.dup(1), os.dup(2)
    with (place / "said.txt").open("w") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
        try:
            _command(place, place / "plugin", python)
        finally:
            sys.stdout.flush()
            for stream, kept in enumerate(before, 1):
                os.dup2(kept, stream)
                os.close(kept)
    shutil.rmtree(place)


def _command(checkpoint: Path, plugin: Path, python: Path) -> int:
    """Run the command line; return its exit code. Models that are near are of no part in an adapter, and left out."""
    from scaffold.cli.main import main
    from scaffold.planning import plan

    plan.nearest_models = lambda *_: ()  # type: ignore[assignment]
    options = {"--strategy": "native", "--placement": "plugin", "--output": plugin, "--python": python}
    options |= {"--work": checkpoint}
    sys.argv = ["scaffold", "new-model", str(checkpoint), "--json"]
    sys.argv += [str(word) for pair in options.items() for word in pair]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:  # of the tool itself: said in errors.txt
        traceback.print_exc()
        return 1
    return 0
