"""``scaffold weights --adapter``: a checkpoint against an existing vLLM model file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffold.cli.output import Output
from scaffold.cli.roots import Settings

if TYPE_CHECKING:
    from scaffold.checkpoint.read import Checkpoint
    from scaffold.vllm_models.check import AdapterCheck

SHOWN = 10


def show_adapter(
    output: Output, settings: Settings, read: Checkpoint, path: Path, usual: Sequence[int], asked: Sequence[int] | None
) -> int:
    """Say what the file would not take, what has another shape and what would stay empty; return 1 if there is any.

    What cannot be told without running the file is listed as such, with the place that stops the reading.

    Args:
        output: where it is said.
        settings: which vLLM and transformers.
        read: the checkpoint.
        path: the file.
        usual: tensor-parallel sizes to look at where none is asked for: one that does not go is no failure.
        asked: those that are asked for.
    """
    from scaffold.vllm_models.adapter import check_adapter, is_quantised

    engine = settings.engine()
    transformers = engine.transformers if engine else None
    result = check_adapter(path, read, settings.path("vllm"), transformers, ranks=asked or usual)
    lost = () if is_quantised(read) else result.dropped
    misfits = {size: why for size, why in result.misfits.items() if why}
    fits = result.fits and not lost and not (asked and misfits)
    _tables(output, result, lost)
    rows = [(str(size), "; ".join(dict.fromkeys(why))) for size, why in misfits.items()]
    _some(output, "It cannot be made at these tensor-parallel sizes", ("tensor parallel", "why"), rows)
    output.line(
        f"{len(read.tensors)} tensors: {result.taken} taken, {result.left_out} left out by the loader, "
        f"{len(result.refused)} refused, {len(result.misshapen)} of another shape, {len(result.unsure)} not known; "
        f"{len(result.empty)} parameters stay empty"
    )
    if result.suggestion:
        output.line(f"what would mend it: {result.suggestion}")
    output.document(_document(path, result, fits, len(read.tensors), lost, misfits))
    return 0 if fits else 1


def _tables(output: Output, result: AdapterCheck, lost: Sequence[str]) -> None:
    _some(output, "The model cannot be made of this config", ("where and why",), [(why,) for why in result.faults])
    refused = [(item.name, f"nothing is named {item.at}") for item in result.refused]
    _some(output, f"{result.class_name} would not take these tensors", ("tensor", "why"), refused)
    shapes = [(item.name, _shape(item.found), f"{item.parameter}: {_shape(item.asked)}") for item in result.misshapen]
    _some(output, "These have another shape than their parameter", ("tensor", "shape", "its parameter"), shapes)
    _some(output, "It leaves these out without a word", ("tensor",), [(name,) for name in lost])
    _some(output, "These parameters would stay empty", ("parameter",), [(name,) for name in result.empty])
    brought = [(name, why) for name, why in result.brought.items()]
    _some(output, "No tensor fills these; their loader may", ("parameter", "where"), brought)
    reasons = Counter(result.unsure.values())
    rows = [(why, str(count)) for why, count in reasons.most_common()]
    _some(output, "Nothing is known of these without running the file", ("where reading ends", "tensors"), rows)
    unknown = [(why, str(count)) for why, count in Counter(result.shapes_unsure).most_common()]
    _some(output, "Shapes that could not be compared", ("why", "tensors"), unknown)


def _document(
    path: Path,
    result: AdapterCheck,
    fits: bool,
    tensors: int,
    lost: Sequence[str],
    misfits: Mapping[int, Sequence[str]],
) -> dict[str, Any]:
    return {
        "adapter": str(path),
        "class_name": result.class_name,
        "fits": fits,
        "tensors": tensors,
        "taken": result.taken,
        "left_out": result.left_out,
        "refused": [{"tensor": item.name, "at": item.at} for item in result.refused],
        "misshapen": [
            {
                "tensor": item.name,
                "parameter": item.parameter,
                "shape": list(item.found),
                "asked": list(item.asked),
            }
            for item in result.misshapen
        ],
        "lost": list(lost),
        "empty": list(result.empty),
        "empty_unknown": [{"parameter": name, "why": why} for name, why in result.brought.items()],
        "faults": list(result.faults),
        "cannot_be_shared": {str(size): list(dict.fromkeys(why)) for size, why in misfits.items()},
        "unknown": [{"tensor": name, "why": why} for name, why in result.unsure.items()],
        "shapes_unknown": dict(result.shapes_unsure),
        "suggestion": result.suggestion,
    }


def _some(output: Output, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Show the first rows of a table, if it has any."""
    if rows:
        more = f" (the first {SHOWN} of {len(rows)}; all of them with --json)" if len(rows) > SHOWN else ""
        output.table(title + more, columns, rows[:SHOWN])


def _shape(sizes: Sequence[int | None]) -> str:
    """Return a shape in words; ``?`` is a size that is not known."""
    return f"[{', '.join('?' if size is None else str(size) for size in sizes)}]"
