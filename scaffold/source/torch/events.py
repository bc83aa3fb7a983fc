"""The calls that a run watched, each with what happened inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from scaffold.source.torch.module import Module
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Tensor


@dataclass(eq=False)
class Event:
    """One call that was watched: a module's forward, or the attention function.

    ``inside`` are the watched calls and ``operations`` the operations made directly in it; ``steps`` are both, in
    the order in which they happened.
    """

    name: str
    module: Module | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    where: str
    output: Any = None
    inside: list[Event] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    steps: list[Event | Operation] = field(default_factory=list, repr=False)
    numbered: bool = False
    """Whether source read the number of a layer meanwhile: what it computes may depend on it."""
    stands_for: Event | None = None
    """The call that was carried out instead, since it differs in nothing but the values of weights."""
    begun: str = ""
    """Of a decoder layer's call: the digest of all that decided what it computes, as it was when the call began."""

    def add(self, step: Event | Operation) -> None:
        """Append a call or an operation."""
        self.steps.append(step)
        if isinstance(step, Event):
            self.inside.append(step)
        else:
            self.operations.append(step)

    def tensors(self) -> list[Tensor]:
        """Return the tensor arguments, in the order of the call."""
        return [v for v in (*self.args, *self.kwargs.values()) if isinstance(v, Tensor)]

    def result(self) -> Tensor:
        """Return the output, or the first of several."""
        output = self.output
        while isinstance(output, (tuple, list)):
            output = output[0]
        if isinstance(output, dict):
            output = next(v for v in output.values() if isinstance(v, Tensor))
        return output  # type: ignore[no-any-return]

    def walk(self) -> Iterator[Event]:
        """Return this event and all that happened inside it."""
        yield self
        for event in self.inside:
            yield from event.walk()

    def all_operations(self) -> Iterator[Operation]:
        """Return every operation of this call and of the calls inside it, in the order in which they happened."""
        for step in self.steps:
            if isinstance(step, Event):
                yield from step.all_operations()
            else:
                yield step
