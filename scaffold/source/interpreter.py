"""The interpreter of modeling source, assembled: the language, and the libraries that models are written with.

A further library is a folder with its tables and a row of ``LIBRARIES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

from scaffold.source.einops.names import LIBRARY as EINOPS
from scaffold.source.flash_attn.names import LIBRARY as FLASH_ATTN
from scaffold.source.numpy.names import LIBRARY as NUMPY
from scaffold.source.python import interpreter
from scaffold.source.python.builtins import LIBRARY as BUILTINS
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.math import LIBRARY as MATH
from scaffold.source.python.protocol import Resolve
from scaffold.source.python.scope import LEAST
from scaffold.source.torch.events import Event
from scaffold.source.torch.names import LIBRARY as TORCH
from scaffold.source.torch.random_numbers import Random
from scaffold.source.torch.record import Recorder
from scaffold.source.transformers.config_values import key_of
from scaffold.source.transformers.names import LIBRARY as TRANSFORMERS

FAR = 1 << 20
"""More tokens than any server is given at once."""
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
        self.tokens = 0
        """How many the run has, once it begins."""
        self.stated: Mapping[str, Any] = {}
        """The checkpoint's config where this run has another one, of smaller sizes."""

    def chosen(self, function: Callable[..., Any], values: Sequence[Any], result: Any) -> None:
        """Check that a number of the config, beside one of the source, decides what the checkpoint's own would.

        Raises:
            NotUnderstood: it decides otherwise, so that the run shows what the checkpoint does not do.
        """
        whole = [value for value in values if type(value) is int]
        if self.tokens and any(one == self.tokens < other < FAR for one, other in permutations(whole, 2)):
            raise NotUnderstood("a choice by the number of tokens, which are fewer in a probe", self.where())
        keys = [key_of(value) for value in values]
        named = [key for key in keys if key is not None]
        if not self.stated or not named or len(named) == len(values):
            return
        real = [value if key is None else self.stated.get(key) for key, value in zip(keys, values)]
        if not all(isinstance(one, (int, float)) for one in (*values, *real)):
            return
        other = function(*real)
        if (values.index(result) == real.index(other)) if function in LEAST else (result == other):
            return
        what = f"a choice by {named[0]}, which is another one for a probe than for the checkpoint's "
        raise NotUnderstood(f"{what}{self.stated.get(named[0])}", self.where())

    @property
    def watched(self) -> list[Event]:
        """The outermost calls on record."""
        return self.recorder.watched
