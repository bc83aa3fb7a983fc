"""Stage static of a planned model, on record: what was found before any server, for exactly these trees and files."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffold.ascend.compatibility import Compatibility
from scaffold.ascend.soc import ASSUMED, Soc
from scaffold.checkpoint.ascend_paths import RUNS
from scaffold.checkpoint.read import Checkpoint
from scaffold.disagreements.believe import overridden
from scaffold.evidence.gather import gather
from scaffold.evidence.workspace import Workspace
from scaffold.running.static import StaticReport, static_check
from scaffold.running.static_stops import KINDS
from scaffold.strategy.table import strategy_named
from scaffold_validators.engine import Engine
from scaffold_validators.outcome import Outcome
from scaffold_validators.stages.table import STATIC_STAGE
from scaffold_validators.verdict import Verdict

ASCEND = Path("vllm_ascend/platform.py")
"""What a tree of vllm-ascend has."""


def static_first(
    workspace: Workspace,
    name: str,
    checkpoint: Checkpoint,
    engine: Engine | None,
    *,
    ascend: Path | None = None,
    soc: Soc = ASSUMED,
    ranks: tuple[int, ...] = (1,),
    allow: tuple[str, ...] = (),
) -> tuple[StaticReport, Verdict]:
    """Check a planned model before any server, and keep the verdict beside those of the gates.

    Args:
        workspace: where it was planned.
        name: the model's.
        checkpoint: as it is on disk; what was believed of it when it was planned is believed here.
        engine: the environment that serves, for its transformers and versions.
        ascend: the vllm-ascend tree that runs; None for the delivery, where that is one.
        soc: the generation of NPUs.
        ranks: tensor-parallel sizes.
        allow: ids of stops that are taken for harmless, on record.

    Raises:
        UsageError: nothing was planned for the model, nothing serves it, or other gates run.
        CheckpointError: the checkpoint or its source is damaged.
    """
    evidence = gather(workspace, name, checkpoint)
    record = evidence.record
    delivery = Path(record.delivery)
    ascend = ascend or (delivery if (delivery / ASCEND).is_file() else None)
    started = time.monotonic()
    report = static_check(
        overridden(checkpoint, record.overrides),
        Path(record.vllm),
        ascend,
        engine.transformers if engine else None,
        believe=record.believe or None,
        soc=soc,
        ranks=ranks,
        allow=allow,
        backend=strategy_named(record.strategy).model_impl is not None,
    )
    seconds = time.monotonic() - started
    verdict = verdict_of(report, evidence.digests, engine.versions if engine else {}, seconds)
    with workspace.gates_lock():
        return report, workspace.keep(name, verdict)


def verdict_of(
    report: StaticReport, digests: Mapping[str, str], versions: Mapping[str, str], seconds: float
) -> Verdict:
    """Return the verdict of a report; what was allowed is among its findings, too."""
    stops = report.stops
    allowed = sorted({stop.id for stop in report.found} - {stop.id for stop in stops})
    first = stops[0] if stops else None
    said = (
        f"{len(stops)} that stop{'s' if len(stops) == 1 else ''} it before any server: {first}"
        if first
        else _said(report)
    )
    return Verdict(
        stage=STATIC_STAGE.name,
        outcome=Outcome.STOPPED if first else Outcome.PASSED,
        reason=said,
        device="",
        command=_command(report),
        versions=versions,
        digests=digests,
        seconds={"static": round(seconds, 2)},
        log="",
        findings=tuple(stop.finding() for stop in report.found),
        numbers=_numbers(report),
        cause=first.says if first else "",
        signature=first.id if first else "",
        next_step=f"{KINDS[first.kind].remedy}; where it is harmless, pass --allow {first.id}" if first else "",
        allowed=tuple(allowed),
    )


def _said(report: StaticReport) -> str:
    """Return what was shown, and what was not looked at."""
    left = "; ".join(report.weights.told[:1])
    weights = f"tensors, imports and calls of {report.serving.shown} hold" + (f" ({left})" if left else "")
    if report.compatibility is None:
        return f"{weights}; kernels not looked at"
    quantised = report.quantisation
    what = f"; quantised weights: {quantised.path}: {quantised.why}" if quantised and quantised.path != RUNS else ""
    return f"{weights}; no kernel stops it on {report.compatibility.soc.name}{what}"


def _command(report: StaticReport) -> str:
    words = ["scaffold", "validate", str(report.checkpoint), "--stage", "static", "--vllm", str(report.trees[0])]
    if report.compatibility is not None:
        words += ["--vllm-ascend", str(report.trees[1]), "--soc", report.compatibility.soc.name]
    return " ".join(map(shlex.quote, words))


def _numbers(report: StaticReport) -> dict[str, Any]:
    found = report.compatibility
    kernels = None if found is None else dict(sorted(Counter(k.outcome.value for k in found.kernels).items()))
    return {
        "served_by": report.serving.shown,
        "kernels": kernels,
        "kernel_names": None if found is None else _names(found),
        "limits": [] if found is None else sorted({_with(one.limit.meaning, one.only_if) for one in found.limits}),
        "soc": None if found is None else found.soc.name,
        "not_known": list(report.weights.told),
    }


def _names(found: Compatibility) -> dict[str, list[str]]:
    """Return what becomes of kernels → their names, with the condition of those that are not called in any case."""
    names: dict[str, set[str]] = {}
    for kernel in found.kernels:
        names.setdefault(kernel.outcome.value, set()).add(_with(kernel.name, kernel.only_if))
    return {outcome: sorted(shown) for outcome, shown in sorted(names.items())}


def _with(name: str, only_if: str) -> str:
    return f"{name} ({only_if})" if only_if else name
