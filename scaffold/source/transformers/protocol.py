"""What the models' library asks of the run that it is called from, beyond the language."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from scaffold.source.python import protocol
from scaffold.source.python.objects import External
from scaffold.source.torch.module import Module
from scaffold.source.torch.random_numbers import Random


class Interpreter(protocol.Interpreter, Protocol):
    """A run with PyTorch's random numbers and the target's ``transformers``."""

    rng: Random
    transformers: Path | None
    """Directory of the target's package, None where it has none."""

    def extend_layer(self, instance: Module, base: External, *args: Any, **kwargs: Any) -> None:
        """Make an instance of a source class one of PyTorch's own layers, too."""
