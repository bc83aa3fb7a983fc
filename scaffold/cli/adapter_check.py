"""``scaffold weights --adapter``: a checkpoint against an existing vLLM model file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.cli.output import Output
from scaffold.cli.roots import Settings

if TYPE_CHECKING:
    from scaffold.checkpoint.read import Checkpoint

SHOWN = 10


def show_adapter(output: Output, settings: Settings, read: Checkpoint, path: Path) -> int:
    """Say what the file would not take and what would stay empty; return 1 if there is any of it.

    What cannot be told without running the file is listed as such, with the place that stops the reading.
    """
    from scaffold.vllm_models.adapter import check_adapter

    engine = settings.engine()
    result = check_adapter(path, read, settings.path("vllm"), engine.transformers if engine else None)
    _some(output, "The model cannot be made of this config", ("where and why",), [(why,) for why in result.faults])
    refused = [(item.name, f"nothing is named {item.at}") for item in result.refused]
    _some(output, f"{result.class_name} would not take these tensors", ("tensor", "why"), refused)
    _some(output, "These parameters would stay empty", ("parameter",), [(name,) for name in result.empty])
    brought = [(name, why) for name, why in result.brought.items()]
    _some(output, "No tensor fills these; their loader may", ("parameter", "where"), brought)
    reasons = Counter(result.unsure.values())
    rows = [(why, str(count)) for why, count in reasons.most_common()]
    _some(output, "Nothing is known of these without running the file", ("where reading ends", "tensors"), rows)
    output.line(
        f"{len(read.tensors)} tensors: {result.taken} taken, {result.left_out} left out by the loader, "
        f"{len(result.refused)} refused, {len(result.unsure)} not known; {len(result.empty)} parameters stay empty"
    )
    if result.suggestion:
        output.line(f"what would mend it: {result.suggestion}")
    output.document({
        "adapter": str(path),
        "class_name": result.class_name,
        "fits": result.fits,
        "tensors": len(read.tensors),
        "taken": result.taken,
        "left_out": result.left_out,
        "refused": [{"tensor": item.name, "at": item.at} for item in result.refused],
        "empty": list(result.empty),
        "empty_unknown": [{"parameter": name, "why": why} for name, why in result.brought.items()],
        "faults": list(result.faults),
        "unknown": [{"tensor": name, "why": why} for name, why in result.unsure.items()],
        "suggestion": result.suggestion,
    })  # fmt: skip
    return 0 if result.fits else 1


def _some(output: Output, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Show the first rows of a table, if it has any."""
    if rows:
        more = f" (the first {SHOWN} of {len(rows)}; all of them with --json)" if len(rows) > SHOWN else ""
        output.table(title + more, columns, rows[:SHOWN])
