"""Commands of this tool for one model, quoted for a shell: what errors and documents tell a reader to run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from scaffold.common.errors import UsageError
from scaffold.common.names import model_name


@dataclass(frozen=True)
class Calls:
    """How to call this tool for one model.

    Attributes:
        checkpoint: its directory.
        options: further options that each call needs, such as the model's name.
    """

    checkpoint: str
    options: tuple[str, ...] = ()

    def to(self, command: str, *words: str) -> str:
        """Return a command that can be pasted into a shell.

        Args:
            command: of this tool, such as ``validate``.
            words: its options.
        """
        return shlex.join(["scaffold", command, self.checkpoint, *words, *self.options])


def calls_for(name: str, checkpoint: str, work: Path | None = None) -> Calls:
    """Return how to call this tool for a planned model.

    Args:
        name: the planned name; an option if the checkpoint's folder name does not lead to it.
        checkpoint: its directory.
        work: where it was planned; an option if that is not the current directory. None for documents, which name
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
