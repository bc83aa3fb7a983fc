"""Stage static from the command line: of any checkpoint and trees, or of a planned model, on record."""

from __future__ import annotations

from pathlib import Path

from scaffold.ascend.soc import ASSUMED, SOCS, Soc, soc_of
from scaffold.checkpoint.read import Checkpoint
from scaffold.cli.output import Output
from scaffold.cli.present import show_verdicts
from scaffold.cli.roots import Settings
from scaffold.cli.settings import container_root
from scaffold.cli.static import document, show_static
from scaffold.evidence.workspace import Workspace
from scaffold.running.static import static_check
from scaffold.running.static_verdict import static_first
from scaffold_validators.device import NPU, find_device
from scaffold_validators.engine import Engine
from scaffold_validators.verdict import Verdict


def static_of_plan(
    output: Output, settings: Settings, workspace: Workspace, name: str, checkpoint: Checkpoint
) -> Verdict:
    """Check a planned model before any server, show what was found, keep the verdict and return it."""
    engine = settings.engine()
    output.progress("stage static: tensors, imports, calls and kernels, before any server")
    report, verdict = static_first(
        *(workspace, name, checkpoint, engine),
        ascend=settings.path("vllm_ascend") or container_root("vllm_ascend"),
        soc=_soc(settings, engine),
        ranks=settings.tensor_parallel_sizes(),
        allow=tuple(settings.get("allow") or ()),
    )
    show_static(output, report, bool(settings.given.get("verbose")))
    if verdict.failed:
        show_verdicts(output, [verdict])
    output.document({"static": {**document(report), "record": verdict.evidence}, "verdicts": []})
    return verdict


def static_of_trees(output: Output, settings: Settings, checkpoint: Checkpoint) -> bool:
    """Check a checkpoint against trees; return whether something stops it. Nothing is written."""
    engine = settings.engine()
    report = static_check(
        checkpoint,
        settings.vllm(),
        settings.path("vllm_ascend") or settings.path("delivery") or container_root("vllm_ascend"),
        engine.transformers if engine else None,
        adapter=settings.path("adapter"),
        soc=_soc(settings, engine),
        ranks=settings.tensor_parallel_sizes(),
        allow=tuple(settings.get("allow") or ()),
    )
    show_static(output, report, bool(settings.given.get("verbose")))
    return bool(report.stops)


def is_of_plan(settings: Settings, workspace: Workspace, name: str, checkpoint: Path) -> bool:
    """Return whether what the options name is what was planned, so that a verdict on it is kept."""
    if name not in workspace.planned() or settings.path("adapter") is not None:
        return False
    record = workspace.record(name)
    vllm = settings.path("vllm") or Path(record.vllm)
    planned = (Path(record.vllm).resolve(), Path(record.checkpoint).resolve())
    return (vllm.resolve(), checkpoint.resolve()) == planned


def _soc(settings: Settings, engine: Engine | None) -> Soc:
    """Return the generation that is named, or that is here."""
    named = settings.get("soc")
    if named is not None:
        return SOCS[named]
    here = find_device(engine, settings.get("device")).name if engine is not None and engine.device == NPU else ""
    return soc_of(here) or ASSUMED
