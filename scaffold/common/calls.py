"""Commands of this tool about one model, as a shell takes them: what errors and documents tell a reader to call."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from scaffold.common.errors import UsageError
from scaffold.common.names import model_name


@dataclass(frozen=True)
class Calls:
    """How this tool is called for one model.

    Attributes:
        checkpoint: its directory.
        options: what each call needs beside it, such as its name.
    """

    checkpoint: str
    options: tuple[str, ...] = ()

    def to(self, command: str, *words: str) -> str:
        """Return a call that can be pasted.

        Args:
            command: of this tool, such as ``validate``.
            words: its options.
        """
        return shlex.join(["scaffold", command, self.checkpoint, *words, *self.options])


def calls_for(name: str, checkpoint: str, work: Path | None = None) -> Calls:
    """Return how this tool is called for a planned model.

    Args:
        name: as it was planned; an option where the name of the checkpoint's folder does not lead to it.
        checkpoint: its directory.
        work: where it was planned; an option where that is not the present directory. None for documents, which name
            the directory themselves.
    """
    options: tuple[str, ...] = () if _says(checkpoint, name) else ("--name", name)
    if work is not None and work.resolve() != Path.cwd():
        options += ("--work", str(work))
    return Calls(checkpoint, options)


def _says(checkpoint: str, name: str) -> bool:
    """Return whether the name of a checkpoint's folder leads to the name of the model."""
    try:
        return model_name(None, Path(checkpoint)) == name
    except UsageError:
        return False
