"""What the models' library asks of the run that it is called from, beyond PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scaffold.source.torch import protocol

if TYPE_CHECKING:
    from scaffold.source.transformers.decided import Decisions


class Interpreter(protocol.Interpreter, Protocol):
    """A run with the target's ``transformers``."""

    transformers: Path | None
    """Directory of the target's package, None where it has none."""
    is_remote: bool
    """Whether it is a checkpoint's own code that is run, written for the transformers of its day."""
    decisions: Decisions
    """Numbers of the run, and what they are for the checkpoint."""
