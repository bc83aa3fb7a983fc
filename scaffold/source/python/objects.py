"""The objects that interpreted source makes: classes, instances, functions, names from outside."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scaffold.source.python.classes import functions, resolution_order
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile


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

    @cached_property
    def ancestry(self) -> tuple[SourceClass | External, ...]:
        """The class and all its ancestors, in the order in which Python asks them.

        Raises:
            NotUnderstood: there is no such order, so that Python would not make the class either.
        """
        this: SourceClass | External = self
        order = resolution_order(this, lambda cls: cls.bases if isinstance(cls, SourceClass) else ())
        if order is None:
            raise NotUnderstood(f"the bases of {self.name}, which have no consistent order", self.file.lines(self.node))
        return order

    def definitions(self, name: str) -> Iterator[tuple[SourceClass, ast.FunctionDef]]:
        """Return the functions of a name with the classes that have them, nearest first."""
        for cls in self.ancestry:
            if isinstance(cls, SourceClass):
                for function in functions(cls.node, name):
                    yield cls, function

    def method(self, name: str) -> tuple[SourceClass, ast.FunctionDef] | None:
        """Return the nearest definition of a method and the class that has it."""
        return next(self.definitions(name), None)


class Instance:
    """An object of a source class; of a library's own class where ``cls`` is None."""

    def __init__(self, cls: SourceClass | None = None) -> None:
        self.cls = cls
        self.attributes: dict[str, Any] = {}

    @property
    def kind(self) -> str:
        """Return the class name."""
        return self.cls.name if self.cls else type(self).__name__

    def duplicate(self) -> Instance:
        """Return what ``copy.deepcopy`` makes of it: most objects stay what they are."""
        return self


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
class Partial:
    """A ``functools.partial`` of the source."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class SuperProxy:
    """What ``super()`` returns: attribute look-up starts after ``owner``."""

    instance: Any
    owner: SourceClass
