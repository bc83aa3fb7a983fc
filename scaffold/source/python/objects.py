"""The objects that interpreted source makes: classes, functions, names from outside."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

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
