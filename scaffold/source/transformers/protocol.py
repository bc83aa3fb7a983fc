"""What the models' library asks of the run that it is called from, beyond PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from scaffold.source.torch import protocol


class Interpreter(protocol.Interpreter, Protocol):
    """A run with the target's ``transformers``."""

    transformers: Path | None
    """Directory of the target's package, None where it has none."""
