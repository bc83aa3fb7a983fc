"""What PyTorch's part asks of the run that it is called from, beyond the language."""

from __future__ import annotations

from typing import Any, Protocol

from scaffold.source.python import protocol
from scaffold.source.torch.random_numbers import Random
from scaffold.source.torch.record import Recorder


class Interpreter(protocol.Interpreter, Protocol):
    """A run with PyTorch's random numbers and a record of what was called."""

    rng: Random
    recorder: Recorder

    def sized(self, shape: Any) -> Any:
        """Return a size of a tensor, or several, with what they are for the checkpoint."""
