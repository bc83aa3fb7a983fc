"""A survey of a vLLM tree: the twin of each text decoder that it registers, through its own implementation.

transformers makes the twin from the config that its config class has by default, shrunk as any twin's is. So the survey
shows what the target's own implementations compute of architectures that transformers has, and says nothing of forms
that a default config does not have.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scaffold.roots.vllm_tree import TEXT_DICT, VllmTree
from scaffold.source.transformers import auto_mapping
from scaffold.vocabulary.rows import as_value
from scaffold_validators.engine import Engine
from scaffold_validators.outcome import Outcome
from scaffold_validators.problem import Problem
from scaffold_validators.records import Kind, dump, load
from scaffold_validators.twin.run import TwinRequest, run_twin
from scaffold_validators.twin.workers import FRESH, Workers
from scaffold_validators.verdict import Verdict


@dataclass(frozen=True)
class Decoder:
    """A text decoder that a tree registers and transformers has.

    Attributes:
        own: ``module.Class`` of the tree's own implementation, as its registry names it.
    """

    architecture: str
    model_type: str
    own: str


@dataclass(frozen=True)
class Surveyed:
    """What a tree's own implementation of an architecture came to.

    Attributes:
        own: the implementation.
        outcome: ``right``, ``wrong``, ``fails`` (it was not served), or ``not made`` (transformers makes no twin).
        where: the layer and the block where it parts from transformers; empty where it does not.
        median: of the differences of log probabilities over the prompt, in nats; None where nothing was answered.
        p95: of the same: 19 of 20 are not above it.
        greedy: how many of the greedy tokens agree.
        shims: what stood in for kernels of the engine.
        kernel: whether it agrees where vLLM's layers take their PyTorch path.
        versions: of vLLM, torch and transformers.
    """

    architecture: str
    model_type: str
    own: str
    outcome: str
    reason: str
    where: str = ""
    median: float | None = None
    p95: float | None = None
    greedy: int | None = None
    shims: tuple[str, ...] = ()
    kernel: bool = False
    versions: tuple[str, ...] = ()


ROW = Kind("survey", 2, Surveyed, remedy="remove the file, and run scaffold survey again")
COLUMNS = ("architecture", "own implementation", "agrees", "first parts at", "median", "p95", "remarks")


def decoders(tree: VllmTree, transformers: Path) -> dict[str, Decoder]:
    """Return the text decoders that a tree registers and transformers has, by architecture."""
    registered = {name: entry for name, entry in tree.registry.items() if entry.table == TEXT_DICT}
    model_types: dict[str, list[str]] = {}
    for model_type, name in auto_mapping.table(transformers, auto_mapping.CAUSAL_LM).items():
        model_types.setdefault(name, []).append(model_type)
    return {
        name: Decoder(name, _of_text(model_types[name]), f"{entry.module}.{entry.class_name}")
        for name, entry in sorted(registered.items())
        if name in model_types
    }


def _of_text(model_types: Sequence[str]) -> str:
    """Return the model type of the text config, where the config of a model with more parts has one, too."""
    return next((word for word in model_types if word.endswith("_text")), model_types[0])


def survey(
    chosen: Sequence[Decoder], engine: Engine, folder: Path, report: Callable[[str], None], workers: Workers = FRESH
) -> Iterator[Surveyed]:
    """Run the twin of each architecture; what an earlier run with the same versions kept is taken as it is.

    Args:
        chosen: what is surveyed.
        engine: the environment that runs the tree.
        folder: keeps each row and its log.
        report: tells a person who waits how far it is.
        workers: what the steps of twins run in.

    Raises:
        Problem: a row that was kept does not fit.
    """
    versions = tuple(
        f"{name} {engine.versions[name]}" for name in ("vllm", "torch", "transformers") if name in engine.versions
    )
    folder.mkdir(parents=True, exist_ok=True)
    for number, decoder in enumerate(chosen, start=1):
        kept = folder / f"{decoder.architecture}.json"
        row = load(ROW, kept) if kept.is_file() else None
        if row is None or row.versions != versions:
            report(f"{number} of {len(chosen)}: {decoder.architecture}")
            row = replace(_row(decoder, engine, folder, workers), versions=versions)
            kept.write_text(dump(ROW, row), encoding="utf-8")
        yield row


def markdown(rows: Sequence[Surveyed]) -> str:
    """Return the table, with what was counted above it."""
    words = dict.fromkeys(("right", "wrong", "fails", *sorted(row.outcome for row in rows)))
    counts = {word: sum(row.outcome == word for row in rows) for word in words}
    lines = [
        f"Of {len(rows)}: " + ", ".join(f"{word} {count}" for word, count in counts.items()) + ".",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "| " + " | ".join("---" for _ in COLUMNS) + " |",
    ]
    for row in rows:
        lines.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells(row)) + " |")
    return "\n".join(lines) + "\n"


def cells(row: Surveyed) -> tuple[str, ...]:
    """Return a row of the table."""
    median, p95 = ("–" if value is None else f"{value:.0e}" for value in (row.median, row.p95))
    return row.architecture, row.own, row.outcome, row.where, median, p95, "; ".join(_remarks(row))


def _remarks(row: Surveyed) -> Iterator[str]:
    if row.outcome not in ("right", "wrong"):
        yield row.reason.strip().splitlines()[-1]
    if row.outcome == "wrong":
        yield f"{row.greedy} greedy tokens agree"
    if row.kernel:
        yield "agrees on vLLM's PyTorch path: a kernel of this engine is wrong"
    if row.shims:
        yield f"stood in for kernels of this engine: {', '.join(row.shims)}"


def _row(decoder: Decoder, engine: Engine, folder: Path, workers: Workers) -> Surveyed:
    architecture, model_type = decoder.architecture, decoder.model_type
    try:
        verdict = _twin(architecture, model_type, engine, folder, workers)
    except Problem as problem:
        return Surveyed(architecture, model_type, decoder.own, "not made", problem.found[-300:])
    row = Surveyed(architecture, model_type, decoder.own, "fails", verdict.reason)
    return concluded(row, verdict.outcome, verdict.reason, verdict.numbers)


def concluded(row: Surveyed, outcome: Outcome, reason: str, numbers: Mapping[str, Any]) -> Surveyed:
    """Return a row with what the verdict of a twin says."""
    words = {Outcome.PASSED: "right", Outcome.WRONG_OUTPUT: "wrong"}
    parts = numbers.get("parts") or {}
    return replace(
        row,
        outcome=words.get(outcome, "fails"),
        reason=reason,
        where=" ".join(filter(None, (parts.get("layer"), parts.get("block")))),
        median=numbers.get("median_logprob_difference"),
        p95=numbers.get("p95_logprob_difference"),
        greedy=numbers.get("greedy_tokens_agreeing"),
        shims=tuple(shim["name"] for shim in numbers.get("shims", ())),
        kernel=bool(numbers.get("agrees_without_kernels")),
    )


def _twin(architecture: str, model_type: str, engine: Engine, folder: Path, workers: Workers) -> Verdict:
    """Serve the twin of transformers' default config of a model type through the target's own implementation."""
    config = json.dumps({"architectures": [architecture], "model_type": model_type})
    with tempfile.TemporaryDirectory(prefix="scaffold-survey-") as scratch:
        checkpoint = Path(scratch) / "checkpoint"
        checkpoint.mkdir()
        (checkpoint / "config.json").write_text(config, encoding="utf-8")
        return run_twin(
            TwinRequest(
                engine=engine,
                checkpoint=checkpoint,
                adapter=None,
                model_impl="vllm",
                vocabulary=as_value(),
                tensors=(),
                scratch=Path(scratch),
                log=folder / f"{architecture}.log",
                digests={"config": hashlib.sha256(config.encode()).hexdigest()},
                is_vllms=True,
            ),
            workers,
        )
