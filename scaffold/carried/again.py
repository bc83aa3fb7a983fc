"""A block run once more, with one token changed or with fewer tokens: what is token-wise gives the others as before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.operations import Operation, tensors_in
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.source.transformers.config_values import Keyed

FEWER = 7
"""Tokens of the shorter run: no size of a probe that a block's tensors have."""


@dataclass(frozen=True)
class Again:
    """One block's call, and two more of it.

    Attributes:
        probe: the probe.
        event: the block's call.
    """

    probe: Probe
    event: Event

    @cached_property
    def _place(self) -> dict[int, tuple[int, int]]:
        """By ``id``, which operation gave a tensor, and as which of its outputs."""
        found: dict[int, tuple[int, int]] = {}
        for i, op in enumerate(self.event.all_operations()):
            for j, tensor in enumerate(tensors_in(op.output)):
                found[id(tensor)] = (i, j)
        return found

    @cached_property
    def _names(self) -> list[str]:
        return [op.name for op in self.event.all_operations()]

    @cached_property
    def changed(self) -> list[Operation]:
        """The operations of a run in which the first token's input is another."""
        first = self.event.tensors()[0]
        other = np.array(first.a)
        other.reshape(NUM_TOKENS, -1)[0] *= -0.5
        return self._run(lambda value: Tensor(other) if value is first else value)

    @cached_property
    def shorter(self) -> list[Operation]:
        """The operations of a run with the first tokens alone."""
        return self._run(_cut)

    @property
    def inputs(self) -> tuple[Array, Array]:
        """The block's input with the first token changed, and cut to fewer tokens."""
        given = self.event.tensors()[0].a
        other = np.array(given)
        other.reshape(NUM_TOKENS, -1)[0] *= -0.5
        return other, _cut(Tensor(given)).a

    def of(self, tensor: Tensor, run: list[Operation]) -> Array:
        """Return what a tensor is in another run.

        Raises:
            NotUnderstood: the block computes otherwise there, up to that tensor: what comes behind makes nothing of it.
        """
        at, part = self._place.get(id(tensor), (-1, 0))
        if at < 0:
            raise NotUnderstood("a tensor that was there before the block was called", self.event.where)
        if [op.name for op in run[: at + 1]] != self._names[: at + 1]:
            raise NotUnderstood("a block that computes otherwise with other tokens", self.event.where)
        return tensors_in(run[at].output)[part].a

    def _run(self, change: Callable[[Any], Any]) -> list[Operation]:
        args = [_changed(value, change) for value in self.event.args]
        kwargs = {name: _changed(value, change) for name, value in self.event.kwargs.items()}
        interpreter = self.probe.interpreter
        try:
            with np.errstate(all="ignore"):
                interpreter.call(self.event.module, args, kwargs, self.event.where)
        except (NotUnderstood, ValueError, TypeError, IndexError, KeyError) as error:
            raise NotUnderstood(f"a block that does not run with other tokens ({error})", self.event.where) from error
        return list(interpreter.watched.pop().all_operations())


def _cut(value: Any) -> Any:
    """Return a tensor without the last tokens, or their number."""
    if isinstance(value, Tensor):
        return Tensor(value.a[tuple(slice(FEWER) if size == NUM_TOKENS else slice(None) for size in value.shape)])
    is_count = isinstance(value, int) and not isinstance(value, (bool, Keyed))
    return FEWER if is_count and value == NUM_TOKENS else value


def _changed(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(_changed(part, change) for part in value)
    if isinstance(value, Mapping):
        return {name: _changed(part, change) for name, part in value.items()}
    return change(value)
