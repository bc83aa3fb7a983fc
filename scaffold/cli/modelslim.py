"""What ModelSlim's description says, held against the model, for ``inspect`` and ``weights``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scaffold.cli.output import Output
from scaffold.cli.roots import Settings
from scaffold.cli.settings import container_root

if TYPE_CHECKING:
    from pathlib import Path

    from scaffold.checkpoint.read import Checkpoint
    from scaffold.modelslim.check import ModelSlimCheck


UNEVEN = "uneven"
"""The kind of finding that is about a number of ranks."""


def modelslim_of(
    settings: Settings,
    read: Checkpoint,
    transformers: Path | None = None,
    completed: Mapping[str, Any] | None = None,
    ranks: Sequence[int] = (),
) -> ModelSlimCheck | None:
    """Return what was found of a description; None if the checkpoint has none.

    Which layer gets which entry is looked at where trees of vLLM and vllm-ascend are named, or the container's there.

    Raises:
        CheckpointError: a description is damaged.
    """
    from scaffold.checkpoint.quantization import modelslim_files

    if not modelslim_files(read.path):
        return None
    from scaffold.modelslim.check import Model, check_modelslim
    from scaffold.roots.vllm_tree import read_vllm_tree

    root = settings.path("vllm") or container_root("vllm")
    tree = None if root is None else read_vllm_tree(root)
    entry = None if tree is None else tree.registry.get(read.architecture)
    model = None if tree is None or entry is None else Model(tree, entry, transformers, completed)
    found = check_modelslim(read, model, settings.path("vllm_ascend") or container_root("vllm_ascend"), ranks)
    if found is None or settings.get("tp"):
        return found
    uneven = [one for one in found.findings if one.kind == UNEVEN]  # of sizes that nobody asked for
    left = tuple(one for one in found.findings if one.kind != UNEVEN)
    return replace(found, findings=left, notes=(*found.notes, *map(str, uneven)))


def show_modelslim(output: Output, check: ModelSlimCheck | None) -> None:
    """Say what was found, if there is a description."""
    if check is None:
        return
    words = ", ".join(f"{count} {word}" for word, count in sorted(check.by_word.items()))
    if check.layers:
        output.line(f"ModelSlim: {check.layers} layers have their entries in {check.description.files[0]}: {words}")
    for row in check.rows:
        output.line(f"ModelSlim: {check.where} lacks a row for {', '.join(row.model_types)}; what would mend it: {row}")
    for finding in check.findings:
        output.line(f"ModelSlim: {finding}")
    for note in check.notes:
        output.line(f"ModelSlim: {note}")


def modelslim_document(check: ModelSlimCheck | None) -> dict[str, Any] | None:
    """Return it for the JSON document."""
    if check is None:
        return None
    return {
        "files": list(check.description.files),
        "holds": check.holds,
        "layers": check.layers,
        "by_word": dict(sorted(check.by_word.items())),
        "rows": [{**row.arguments, "command": str(row)} for row in check.rows],
        "findings": [
            {
                "kind": one.kind,
                "says": one.says,
                "mends": one.mends,
                "tensors": list(one.tensors),
                "layer": one.rule,
                "ranks": one.ranks,
            }
            for one in check.findings
        ],
        "notes": list(check.notes),
    }
