"""ModelSlim: what vllm-ascend needs to know of the names in a checkpoint's description, for whatever serves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from codemods import ChangeSet, edit
from scaffold.checkpoint.quantization import MODELSLIM_FILE, modelslim_files
from scaffold.common.errors import CheckFailed, UsageError
from scaffold.placement.protocol import Code
from scaffold.planning.read import Subject
from scaffold.strategy.decide import Decision
from scaffold.weights.findings import SHOWN

if TYPE_CHECKING:
    from scaffold.modelslim.check import ModelSlimCheck


def add_modelslim_rows(
    changes: ChangeSet, code: Code | None, decision: Decision, subject: Subject, ranks: tuple[int, ...]
) -> tuple[ChangeSet, tuple[str, ...]]:
    """Add the rows that vllm-ascend's tables lack for a checkpoint with a description, and say what is wrong with it.

    Args:
        changes: the change set so far.
        code: the module that is generated; None where vLLM has a class.
        decision: what serves the model.
        subject: the checkpoint and the trees; without a vllm-ascend repo the rows are said, and not written.
        ranks: tensor-parallel sizes at which it is to be served.

    Raises:
        CheckpointError: a description is damaged.
        CheckFailed: with it vllm-ascend does not start the model, or computes garbage.
        Refusal: the table cannot take a row.
    """
    if not modelslim_files(subject.reading.checkpoint.path):
        return changes, ()
    # Here, as few checkpoints have a description.
    from scaffold.modelslim.check import CODEMOD

    try:
        found = _check(code, decision, subject, ranks)
    except UsageError as error:
        return changes, (f"ModelSlim's description could not be held against the model: {error.found}",)
    if found is None:
        return changes, ()
    _check_fatal(found)
    delivery = subject.site.delivery
    for row in found.rows if delivery is not None else ():
        assert delivery is not None
        changes = edit(changes, CODEMOD, delivery, **row.arguments)
    return changes, tuple(_notes(found, delivery is not None))


def _check_fatal(found: ModelSlimCheck) -> None:
    """Check that vllm-ascend can serve the checkpoint with its description.

    Raises:
        CheckFailed: it cannot, with any row.
    """
    for one in found.fatal[:1]:
        more = len(found.fatal) - 1
        names = ", ".join(one.tensors[:SHOWN]) + (
            f" and {len(one.tensors) - SHOWN} more" if one.tensors[SHOWN:] else ""
        )
        raise CheckFailed(
            f"ModelSlim's description and the model do not go together: {one.kind}: {one.says}: {names}"
            + (f" (and {more} more findings)" if more else ""),
            where=MODELSLIM_FILE,
            expected="for each layer the entry of what its tensors are",
            remedy=f"{one.mends}; scaffold inspect shows all of it",
        )


def _check(
    code: Code | None, decision: Decision, subject: Subject, ranks: tuple[int, ...]
) -> ModelSlimCheck | None:  # fmt: skip
    from scaffold.modelslim.check import Model, check_modelslim

    reading = subject.reading
    completed = reading.spec.decoder.config if reading.spec.decoder is not None else None
    ascend = subject.site.delivery
    with TemporaryDirectory() as folder:
        entry = decision.entry
        made = None if entry is None else Model(subject.tree, entry, reading.transformers, completed)
        if code is not None:
            path = Path(folder, f"{code.module}.py")
            path.write_text(code.stand_alone, encoding="utf-8")
            made = Model(subject.tree, path, reading.transformers, completed)
        return check_modelslim(reading.checkpoint, made, ascend, ranks)


def _notes(found: ModelSlimCheck, is_written: bool) -> Iterator[str]:
    if found.layers:
        words = ", ".join(f"{count} {word}" for word, count in sorted(found.by_word.items()))
        yield f"ModelSlim: {found.layers} layers have their entries, {words}"
    for row in found.rows:
        named = f"ModelSlim: {found.where} lacks a row for {', '.join(row.model_types)}"
        yield f"{named}, which this adds" if is_written else f"{named}: {row}"
    for finding in found.findings:
        yield f"ModelSlim: {finding}"
    for note in found.notes:
        yield f"ModelSlim: {note}"
