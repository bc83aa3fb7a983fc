"""The model of a checkpoint, read with what options and settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaffold.cli.roots import Settings

if TYPE_CHECKING:
    from scaffold.checkpoint.read import Checkpoint
    from scaffold.reading.of_checkpoint import Reading
    from scaffold_validators.engine import Engine


def read_asked(settings: Settings, checkpoint: Checkpoint, engine: Engine | None) -> Reading:
    """Read with ``--modeling``, and with the transformers of the environment that serves.

    Raises:
        CheckpointError: a source file that is named does not exist, does not parse, or lacks the class.
    """
    from scaffold.reading.of_checkpoint import read_model_of

    return read_model_of(checkpoint, engine.transformers if engine else None, settings.path("modeling"))
