"""The objects that interpreted source makes: classes, functions, modules, names from outside."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from scaffold.source.operations import Operation
from scaffold.source.syntax import SourceFile
from scaffold.source.tensors import Tensor


@dataclass(frozen=True)
class External:
    """A name that comes from outside of the source, such as ``torch.nn.functional.linear``."""

    dotted: str

    @property
    def name(self) -> str:
        """Return the last part of the dotted name."""
        return self.dotted.rpartition(".")[2]


@dataclass(frozen=True, eq=False)
class SourceClass:
    """A class of the source with its bases, nearest first."""

    file: SourceFile
    node: ast.ClassDef
    bases: tuple[SourceClass | External, ...]

    @property
    def name(self) -> str:
        return self.node.name

    def ancestry(self) -> list[SourceClass | External]:
        """Return the class and all its ancestors, nearest first, each once."""
        seen: list[SourceClass | External] = [self]
        for base in self.bases:
            for one in base.ancestry() if isinstance(base, SourceClass) else [base]:
                if one not in seen:
                    seen.append(one)
        return seen

    def method(self, name: str) -> tuple[SourceClass, ast.FunctionDef] | None:
        """Return the nearest definition of a method and the class that has it."""
        for cls in self.ancestry():
            if isinstance(cls, SourceClass):
                for statement in cls.node.body:
                    if isinstance(statement, ast.FunctionDef) and statement.name == name:
                        return cls, statement
        return None


@dataclass(eq=False)
class Function:
    """A function or bound method of the source, or a lambda."""

    file: SourceFile
    node: ast.FunctionDef | ast.Lambda
    closure: dict[str, Any]
    receiver: Any = None
    owner: SourceClass | None = None

    @property
    def name(self) -> str:
        return getattr(self.node, "name", "<lambda>")


@dataclass(frozen=True)
class SuperProxy:
    """What ``super()`` returns: attribute look-up starts behind ``owner``."""

    instance: Any
    owner: SourceClass


class Module:
    """A ``torch.nn.Module``: one of PyTorch's own layers (a subclass) or an instance of a source class."""

    def __init__(self, cls: SourceClass | None = None) -> None:
        self.cls = cls
        self.attributes: dict[str, Any] = {}
        self.builtin: Module | None = None
        """PyTorch's own layer that the source class extends; it has the same attributes."""

    @property
    def kind(self) -> str:
        """Return the class name."""
        return self.cls.name if self.cls else type(self).__name__

    def children(self) -> Iterator[tuple[str, Module]]:
        """Return the direct submodules with their attribute names."""
        for name, value in self.attributes.items():
            if isinstance(value, Module):
                yield name, value

    def modules(self, path: str = "") -> Iterator[tuple[str, Module]]:
        """Return this module and all below it with their dotted paths."""
        yield path, self
        for name, child in self.children():
            yield from child.modules(f"{path}.{name}" if path else name)

    def saved_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Return the parameters and saved buffers below, with the names of a state dict."""
        for path, module in self.modules():
            for name, value in module.attributes.items():
                if isinstance(value, Tensor) and value.role in ("parameter", "buffer"):
                    yield (f"{path}.{name}" if path else name), value


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
