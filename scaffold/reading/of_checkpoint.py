"""The first step of every command: a checkpoint, the source of its model, and what the model is, as one value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.checkpoint.drafts import draft_of
from scaffold.checkpoint.read import Checkpoint
from scaffold.checkpoint.text import printable
from scaffold.reading.model import read_model
from scaffold.source.locate import ModelingSource, find, not_there
from scaffold.source.transformers import auto_mapping
from scaffold.spec.model import ModelSpec
from scaffold.spec.parts import TextDecoder
from scaffold.spec.values import Hole


@dataclass(frozen=True)
class Reading:
    """A checkpoint that was read.

    Attributes:
        source: its modeling source; None if none was found.
        transformers: the package directory of the target environment, where the source was looked for.
        notes: what there is to say of how the source was found.
    """

    checkpoint: Checkpoint
    source: ModelingSource | None
    spec: ModelSpec
    transformers: Path | None = None
    notes: tuple[str, ...] = ()


def read_model_of(checkpoint: Checkpoint, transformers: Path | None = None, modeling: Path | None = None) -> Reading:
    """Find the modeling source of a checkpoint, and read what its model is.

    Args:
        checkpoint: config, headers and files.
        transformers: the target's package directory.
        modeling: a file that the user names; it goes before all others.

    Raises:
        CheckpointError: a source file that the user names does not exist; one does not parse, or lacks the class.
    """
    source = find(
        checkpoint.architecture,
        checkpoint.model_type,
        checkpoint.auto_map,
        checkpoint.path,
        transformers,
        modeling,
    )
    missing = None if modeling is not None else not_there(checkpoint.auto_map, checkpoint.path)
    notes = () if missing is None else (_instead_of(missing, source),)
    headed = _with_head(source, checkpoint)
    if headed is not None and source is not None:
        notes = (*notes, f"{source.class_name} has no head, and the files have one: read as {headed.class_name}")
        source = headed
    draft = draft_of(checkpoint)
    if draft is not None:  # a class of transformers' with its name is the model's that it is made from
        hole = Hole("model", f"it {draft.says}: which class computes it, vLLM alone says", draft.evidence.where)
        spec = read_model(checkpoint, None)
        return Reading(checkpoint, None, replace(spec, text=TextDecoder(holes=(hole,))), transformers, notes)
    return Reading(checkpoint, source, read_model(checkpoint, source), transformers, notes)


def _with_head(source: ModelingSource | None, checkpoint: Checkpoint) -> ModelingSource | None:
    """Return transformers' causal language model in the place of the model without a head, if the files have a head."""
    if source is None or source.library is None or not source.class_name.endswith("Model"):
        return None  # the table of models without a head has some with one, such as Llama 4's
    kind = source.model_type or checkpoint.model_type
    headless, headed = (
        auto_mapping.model_class(kind, source.library),
        auto_mapping.causal_lm_class(kind, source.library),
    )
    has_head = any(f".{name}".endswith(".lm_head.weight") for name in checkpoint.weights.forms)
    if source.class_name != headless or headed not in source.file.class_names or not has_head:
        return None
    return replace(source, class_name=str(headed))


def _instead_of(missing: str, source: ModelingSource | None) -> str:
    """Say what is read where a file of ``auto_map`` is not there: it may compute something else."""
    found = "names and shapes alone are read" if source is None else f"read instead: {source.file.shown}"
    return f"{printable(missing)}, which auto_map refers to, is not in the folder; {found}"
