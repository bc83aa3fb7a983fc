"""Settle: where config and tensors disagree, one of them counts before anything is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.checkpoint.read import Checkpoint
from scaffold.disagreements.believe import believed, check
from scaffold.disagreements.finding import Disagreement
from scaffold.disagreements.table import disagreements
from scaffold.reading.of_checkpoint import Reading, read_model_of


@dataclass(frozen=True)
class Settled:
    """A reading of the side that counts.

    Attributes:
        checkpoint: as it is.
        found: all disagreements of the checkpoint as it is.
        left: those of the side that counts: the same where nothing was chosen.
        notes: what was chosen, and what the server has to be told.
        overrides: the same, as ``--hf-overrides`` takes it.
    """

    checkpoint: Checkpoint
    reading: Reading
    found: tuple[Disagreement, ...]
    left: tuple[Disagreement, ...]
    notes: tuple[str, ...]
    overrides: Mapping[str, Any]


def settle(
    checkpoint: Checkpoint, transformers: Path | None = None, modeling: Path | None = None, believe: str | None = None
) -> Settled:
    """Read the model of a checkpoint; again with what its tensors say, where they are believed.

    Raises:
        CheckpointError: a source file that the user names is missing or damaged.
    """
    reading = read_model_of(checkpoint, transformers, modeling)
    found = disagreements(checkpoint, reading.spec.decoder, reading.source)
    counts = believed(checkpoint, found, believe)
    if counts.checkpoint is checkpoint:
        return Settled(checkpoint, reading, found, found, counts.notes, {})
    again = read_model_of(counts.checkpoint, transformers, modeling)
    left = disagreements(counts.checkpoint, again.spec.decoder, again.source)
    return Settled(checkpoint, again, found, left, counts.notes, counts.overrides)


def check_settled(settled: Settled, believe: str | None) -> None:
    """Check that nothing that decides what is served is left open.

    Raises:
        CheckFailed: something is.
    """
    check(settled.left, believe)
