"""The interpreter of modeling source, assembled: the language, and the libraries that models are written with.

A further library is a folder with its tables and a row of ``LIBRARIES``.
"""

from __future__ import annotations

from pathlib import Path

from scaffold.source.einops.names import LIBRARY as EINOPS
from scaffold.source.flash_attn.names import LIBRARY as FLASH_ATTN
from scaffold.source.numpy.names import LIBRARY as NUMPY
from scaffold.source.python import interpreter
from scaffold.source.python.builtins import LIBRARY as BUILTINS
from scaffold.source.python.math import LIBRARY as MATH
from scaffold.source.python.protocol import Resolve
from scaffold.source.torch.events import Event
from scaffold.source.torch.names import LIBRARY as TORCH
from scaffold.source.torch.random_numbers import Random
from scaffold.source.torch.record import Recorder
from scaffold.source.transformers.names import LIBRARY as TRANSFORMERS

LIBRARIES = (TRANSFORMERS, TORCH, EINOPS, FLASH_ATTN, NUMPY, MATH, BUILTINS)
"""The first that knows a thing answers."""


class Interpreter(interpreter.Interpreter):
    """One run on small random tensors: its random numbers, and the record of what was called.

    Args:
        resolve: where an import is defined.
        seed: of the random numbers.
        transformers: directory of the target's package, which Auto classes look into; None where it has none.
    """

    def __init__(self, resolve: Resolve, seed: int = 0, transformers: Path | None = None) -> None:
        super().__init__(resolve, LIBRARIES)
        self.rng = Random(seed)
        self.transformers = transformers
        self.recorder = Recorder(self.where)

    @property
    def watched(self) -> list[Event]:
        """The outermost calls on record."""
        return self.recorder.watched
