"""A survey of a vLLM tree: the twin of each text decoder that it registers, through its own implementation.

transformers makes the twin from the config that its config class has by default, shrunk as any twin's is. So the survey
shows what the target's own implementations compute of architectures that transformers has, and says nothing of forms
that a default config does not have.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.roots.vllm_tree import TEXT_DICT, VllmTree
from scaffold.source.transformers import auto_mapping
from scaffold.vocabulary.rows import as_value
from scaffold_validators.engine import Engine
from scaffold_validators.outcome import Outcome
from scaffold_validators.problem import Problem
from scaffold_validators.records import Kind, dump, load
from scaffold_validators.twin.run import TwinRequest, run_twin
from scaffold_validators.verdict import Verdict


@dataclass(frozen=True)
class Surveyed:
    """What a tree's own implementation of an architecture came to.

    Attributes:
        outcome: ``right``, ``wrong``, ``fails`` (it was not served), or ``not made`` (transformers makes no twin).
        where: the layer and the block where it parts from transformers; empty where it does not.
        shims: what stood in for kernels of the engine.
        kernel: whether it agrees where vLLM's layers take their PyTorch path.
        versions: of vLLM, torch and transformers.
    """

    architecture: str
    model_type: str
    outcome: str
    reason: str
    where: str = ""
    shims: tuple[str, ...] = ()
    kernel: bool = False
    versions: tuple[str, ...] = ()


ROW = Kind("survey", 1, Surveyed, remedy="remove the file, and run scaffold survey again")
COLUMNS = ("architecture", "model type", "outcome", "where it parts", "why")


def decoders(tree: VllmTree, transformers: Path) -> dict[str, str]:
    """Return architecture → model type of the text decoders that a tree registers and transformers has."""
    registered = {name for name, entry in tree.registry.items() if entry.table == TEXT_DICT}
    known = auto_mapping.table(transformers, auto_mapping.CAUSAL_LM)
    found: dict[str, str] = {}
    for model_type, name in known.items():
        if name in registered:
            found.setdefault(name, model_type)
    return dict(sorted(found.items()))


def survey(chosen: dict[str, str], engine: Engine, folder: Path, report: Callable[[str], None]) -> Iterator[Surveyed]:
    """Run the twin of each architecture; what an earlier run with the same versions kept is taken as it is.

    Args:
        chosen: architecture → model type.
        engine: the environment that runs the tree.
        folder: keeps each row and its log.
        report: tells a person who waits how far it is.

    Raises:
        Problem: a row that was kept does not fit.
    """
    versions = tuple(
        f"{name} {engine.versions[name]}" for name in ("vllm", "torch", "transformers") if name in engine.versions
    )
    folder.mkdir(parents=True, exist_ok=True)
    for number, (architecture, model_type) in enumerate(chosen.items(), start=1):
        kept = folder / f"{architecture}.json"
        row = load(ROW, kept) if kept.is_file() else None
        if row is None or row.versions != versions:
            report(f"{number} of {len(chosen)}: {architecture}")
            row = replace(_row(architecture, model_type, engine, folder), versions=versions)
            kept.write_text(dump(ROW, row), encoding="utf-8")
        yield row


def markdown(rows: Sequence[Surveyed]) -> str:
    """Return the table, with what was counted above it."""
    counts = {word: sum(row.outcome == word for row in rows) for word in ("right", "wrong", "fails", "not made")}
    lines = [
        f"Of {len(rows)}: " + ", ".join(f"{word} {count}" for word, count in counts.items()) + ".",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "| " + " | ".join("---" for _ in COLUMNS) + " |",
    ]
    for row in rows:
        cells = (row.architecture, row.model_type, row.outcome, row.where, row.reason)
        lines.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _row(architecture: str, model_type: str, engine: Engine, folder: Path) -> Surveyed:
    try:
        verdict = _twin(architecture, model_type, engine, folder)
    except Problem as problem:
        return Surveyed(architecture, model_type, "not made", problem.found[-300:])
    words = {Outcome.PASSED: "right", Outcome.WRONG_OUTPUT: "wrong"}
    parts = verdict.numbers.get("parts") or {}
    return Surveyed(
        architecture,
        model_type,
        words.get(verdict.outcome, "fails"),
        verdict.reason,
        where=" ".join(filter(None, (parts.get("layer"), parts.get("block")))),
        shims=tuple(row["name"] for row in verdict.numbers.get("shims", ())),
        kernel=bool(verdict.numbers.get("agrees_without_kernels")),
    )


def _twin(architecture: str, model_type: str, engine: Engine, folder: Path) -> Verdict:
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
            )
        )
