"""Who takes note of what a run calls and computes: watched calls, each with all that happens inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaffold.source.torch import bounds
from scaffold.source.torch.alike import StandIns
from scaffold.source.torch.budget import held
from scaffold.source.torch.events import Event
from scaffold.source.torch.module import Module
from scaffold.source.torch.operations import Operation, keep, recording, tensors_in


class Recorder:
    """The record of one run.

    Args:
        where: returns file and lines of the statement that is carried out.
    """

    def __init__(self, where: Callable[[], str]) -> None:
        self.where = where
        self.watched: list[Event] = []
        """The outermost calls."""
        self.elements = 0
        self.held: set[int] = set()
        """Identities of the arrays whose memory the record's tensors look into: views of one take none of their own."""
        self.stand_ins = StandIns()
        self._open: list[Event] = []

    @property
    def is_running(self) -> bool:
        """Whether a watched call is open: the model runs, and is no longer made."""
        return bool(self._open)

    @property
    def innermost(self) -> Module | None:
        """The module whose call is the innermost open one; None if no call is open, or that of a function."""
        return self._open[-1].module if self._open else None

    def name_of_call(self, name: str, kind: type[Module]) -> str:
        """Return a name for a call that is a part of the innermost open one, as a layer of this kind.

        It is the name of what is called, with its number from the second one on.
        """
        before = sum(isinstance(event.module, kind) and event.name == name for event in self._open[-1].inside)
        return f"{name}_{before + 1}" if before else name

    def dissolve(self, event: Event) -> None:
        """Take a call that has just ended for a part of the one around it: what happened inside it happened there."""
        around = self._open[-1]
        around.steps.pop()
        around.inside.pop()
        for step in event.steps:
            around.add(step)

    @contextmanager
    def watch(
        self, name: str, module: Module | None, args: list[Any], kwargs: dict[str, Any], where: str
    ) -> Iterator[Event]:
        """Record a call, with all that happens inside it; who carries it out sets the event's output."""
        event = Event(name, module, tuple(args), kwargs, where)
        if self._open:
            self._open[-1].add(event)
        else:
            self.watched.append(event)
        self._open.append(event)
        keep(event)
        try:
            with recording(self):
                yield event
        finally:
            self._open.pop()
            keep(event)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Carry out calls that are none of the run's: what they add to open calls is taken away again."""
        open_now = [(event, len(event.steps), len(event.inside), len(event.operations)) for event in self._open]
        try:
            yield
        finally:
            for event, steps, inside, operations in open_now:
                del event.steps[steps:], event.inside[inside:], event.operations[operations:]

    def number_read(self) -> None:
        """Note that source reads the number of a layer."""
        for event in self._open:
            event.numbered = True

    def record(self, operation: Operation) -> None:
        """Note an operation in the innermost open call, with the statement that it is a part of.

        Raises:
            NotUnderstood: the tensors of this run take too much memory.
        """
        operation.where = self.where()
        for tensor in tensors_in(operation.output):
            whole = owner(tensor.a)
            if id(whole) not in self.held:
                self.held.add(id(whole))
                self.elements += whole.size
                held(whole.size)
        bounds.kept(self.elements)
        self._open[-1].add(operation)


def owner(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array whose memory this one looks into: itself, where it is no view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
