"""The interpreter of modeling source, assembled: the language, and the libraries that models are written with.

A further library is a folder with its tables and a row of ``LIBRARIES``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from scaffold.source.einops.names import LIBRARY as EINOPS
from scaffold.source.flash_attn.names import LIBRARY as FLASH_ATTN
from scaffold.source.numpy.names import LIBRARY as NUMPY
from scaffold.source.python import interpreter
from scaffold.source.python.builtins import LIBRARY as BUILTINS
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.math import LIBRARY as MATH
from scaffold.source.python.objects import Function
from scaffold.source.python.protocol import Place, Resolve
from scaffold.source.python.shadows import PLAIN, OfData, Shadow, Unknown
from scaffold.source.torch.attributes import number_of
from scaffold.source.torch.events import Event
from scaffold.source.torch.made_of import sizes_of
from scaffold.source.torch.module import Module
from scaffold.source.torch.names import LIBRARY as TORCH
from scaffold.source.torch.operations import Operation, recording
from scaffold.source.torch.random_numbers import Random
from scaffold.source.torch.record import Recorder
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.decided import At, Decisions, at_of
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
        is_remote: it runs a checkpoint's own code, written for the transformers of its day.
    """

    def __init__(
        self, resolve: Resolve, seed: int = 0, transformers: Path | None = None, *, is_remote: bool = False
    ) -> None:
        super().__init__(resolve, LIBRARIES)
        self.rng = Random(seed)
        self.transformers = transformers
        self.is_remote = is_remote
        self.recorder = Recorder(self.where)
        self.decisions = Decisions()
        """What is decided by sizes, where the checkpoint has other ones than this run."""

    def derived(self, function: Callable[..., Any], values: Sequence[Any], result: Any) -> Any:
        """Return what Python's own functions came to, with what that is for the checkpoint: see ``Decisions``."""
        if function is len and isinstance(values[0], (Tensor, Module)):
            return self.sized(result)
        if not self.decisions.stated or PLAIN.issuperset(map(type, values)):
            return result
        place = self.at()
        if function is bool and isinstance(values[0], Tensor):
            return self.decisions.either(sizes_of(values[0]), result, place, self.where)
        if function in (int, float, round) and isinstance(values[0], Tensor):
            return number_of(self, values[0], result)
        if function is range and place is not None:
            return self.decisions.looped(result, values, place, self.where)
        return self.decisions.derived(function, values, result, place, self.where)

    def counted(self, source: Any, result: Any, *, regular: bool = True) -> Any:
        """Return what has an entry for each one of a container, which may have more of them for the checkpoint."""
        turns = self.turns(source)
        if turns is None:
            return result
        return self.decisions.counterparts.keep(result, Unknown(turns if regular and turns >= 0 else None))

    def turns(self, value: Any) -> int | None:
        """Return how often a loop over a value turns for the checkpoint: see ``Counterparts``."""
        return self.decisions.counterparts.turns(value) if self.decisions.stated else None

    def turning(self, turns: int | None, real: int) -> None:
        """Begin a loop of other turns for the checkpoint (None), or end it after so many."""
        if turns is None:
            self.decisions.counterparts.begin()
        else:
            self.decisions.counterparts.end(turns, real)

    def named(self, value: Any, name: str) -> None:
        """Take note of an attribute that is asked for by a name, which may be another one for the checkpoint."""
        place = self.at()
        if isinstance(name, Shadow) and place is not None:
            self.decisions.note((name,), place, self.where, is_free=False)

    def is_turning(self) -> bool:
        """Return whether a loop is carried out that turns more or less often for the checkpoint."""
        return self.decisions.counterparts.is_turning

    def changes(self, value: Any) -> None:
        """Take note of a container that is about to change."""
        if self.decisions.stated:
            self.decisions.counterparts.changes(value)

    def changed(self, value: Any, function: Callable[..., Any], args: Sequence[Any]) -> None:
        """Take note of how a container was changed."""
        if self.decisions.stated:
            self.decisions.counterparts.changed(value, function, args)

    def chosen(self, function: Callable[..., Any], values: Sequence[Any], result: Any, place: Place) -> Any:
        """Return what a comparison of values, or the least or largest of them, comes to: see ``Decisions``.

        Raises:
            NotUnderstood: it compares the number of tokens, however that came, with a larger one of the source, or what
                became of tokens with another number than 0.
        """
        if self.decisions.forced and at_of(place) in self.decisions.forced:
            return self.decisions.forced[at_of(place)]
        whole = [value for value in values if type(value) is int]
        tokens = self.decisions.tokens
        if tokens and any(one == tokens < other < FAR for one, other in permutations(whole, 2)) and _has_literal(place):
            raise NotUnderstood("a choice by the number of tokens, which are fewer in a probe", self.where())
        if PLAIN.issuperset(map(type, values)):
            return result
        if any(isinstance(value, OfData) for value in values) and 0 not in values:
            raise NotUnderstood("a choice by what becomes of tokens, of which a probe shows one side", self.where())
        return self.decisions.chosen(function, values, result, place, self.where)

    def sought(self, table: Any, key: Any, place: Place) -> Any:
        """Return the number or text by which something is looked up in a container of Python's own."""
        return self.decisions.sought(table, key, place, self.where)

    def item(self, value: Any, key: Any) -> Any:
        """Return ``value[key]``; a part of a tensor that is all of it at small sizes alone is noted."""
        place = self.at()
        if isinstance(value, Tensor) and self.decisions.stated and place is not None:
            self.decisions.cut(value, key, place, self.where)
        return super().item(value, key)

    def set_item(self, value: Any, key: Any, new: Any) -> None:
        """Set ``value[key]``; see `item`."""
        place = self.at()
        if isinstance(value, Tensor) and self.decisions.stated and place is not None:
            self.decisions.cut(value, key, place, self.where)
        super().set_item(value, key, new)

    def sized(self, shape: Any) -> Any:
        """Return a size of a tensor, or several, with what they are for the checkpoint."""
        return self.decisions.sized(shape)

    def call_function(self, function: Function, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run a function of the source; see whether what it decides by its sizes makes a difference."""
        decisions, before = self.decisions, len(self.decisions.otherwise)
        result = super().call_function(function, args, kwargs)
        if len(decisions.otherwise) > before and not decisions.forced:
            for at in list(decisions.otherwise)[before:]:
                if _is_inside(at, function) and self._is_alike(at, function, args, kwargs):
                    decisions.alike.add(at)
                    del decisions.otherwise[at]
        return result

    def _is_alike(self, at: At, function: Function, args: list[Any], kwargs: dict[str, Any]) -> bool:
        """Return whether a function of tensors and numbers gives the same either way, at the checkpoint's numbers."""
        values = [*args, *kwargs.values()]
        numbers = [value for value in values if not isinstance(value, Tensor)]
        is_plain = function.receiver is None and all(isinstance(value, (int, float)) for value in numbers)
        if not is_plain or self.decisions.real(numbers) == numbers:
            return False
        found = []
        for outcome in (False, True):
            self.decisions.forced = {at: outcome}
            some, named = [self._at_stated(one) for one in args], {k: self._at_stated(v) for k, v in kwargs.items()}
            try:
                with recording(Unrecorded()):
                    found.append(super().call_function(function, some, named))
            except NotUnderstood:
                return False
            finally:
                self.decisions.forced = {}
        one, other = found
        return isinstance(one, Tensor) and isinstance(other, Tensor) and np.array_equal(one.a, other.a)

    def _at_stated(self, value: Any) -> Any:
        """Return a number at the checkpoint's sizes; of a tensor a copy that no record knows."""
        return Tensor(np.array(value.a)) if isinstance(value, Tensor) else self.decisions.real(value)

    @property
    def watched(self) -> list[Event]:
        """The outermost calls on record."""
        return self.recorder.watched


class Unrecorded:
    """Takes no note of operations."""

    def record(self, operation: Operation) -> None:
        """Take no note."""


def _is_inside(at: At, function: Function) -> bool:
    """Return whether a place is one of a function."""
    end = getattr(function.node, "end_lineno", 0) or 0
    return at[0] == str(function.file.path) and function.node.lineno <= at[1] <= end


def _has_literal(place: Place) -> bool:
    """Return whether a comparison or a call, such as ``min(…)``, has a literal of the source in it."""
    node = place[1]
    parts = node.args if isinstance(node, ast.Call) else (*ast.iter_child_nodes(node),)
    return any(isinstance(one, ast.Constant) for one in parts)
