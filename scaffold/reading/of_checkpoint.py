"""The first step of every command: a checkpoint, the source of its model, and what the model is, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scaffold.checkpoint.read import Checkpoint
from scaffold.reading.model import read_model
from scaffold.source.locate import ModelingSource, find
from scaffold.spec.model import ModelSpec


@dataclass(frozen=True)
class Reading:
    """A checkpoint that was read.

    Attributes:
        source: its modeling source; None if none was found.
        transformers: the package directory of the target environment, where the source was looked for.
    """

    checkpoint: Checkpoint
    source: ModelingSource | None
    spec: ModelSpec
    transformers: Path | None = None


def read_model_of(checkpoint: Checkpoint, transformers: Path | None = None, modeling: Path | None = None) -> Reading:
    """Find the modeling source of a checkpoint, and read what its model is.

    Args:
        checkpoint: config, headers and files.
        transformers: the target's package directory.
        modeling: a file that the user names; it goes before all others.

    Raises:
        CheckpointError: a source file that is named does not exist, does not parse, or lacks the class.
    """
    source = find(
        checkpoint.architecture,
        checkpoint.model_type,
        dict(checkpoint.auto_map),
        checkpoint.path,
        transformers,
        modeling,
    )
    return Reading(checkpoint, source, read_model(checkpoint, source), transformers)
