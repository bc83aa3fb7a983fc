"""A file of a vLLM tree, parsed."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from scaffold.source.python.syntax import SourceFile


@dataclass(frozen=True, eq=False)
class ModelFile(SourceFile):
    """A parsed file, with its place among the modules of its tree."""

    module: str
    """Its dotted name; for a file outside of the tree, its stem."""

    def where(self, node: ast.AST) -> str:
        """Return file and line, for messages."""
        return f"{self.shown}:{getattr(node, 'lineno', 0)}"

    def class_node(self, name: str) -> ast.ClassDef | None:
        """Return the definition of a class of the file, None if it has no such class."""
        node = self.definitions.get(name)
        return node if isinstance(node, ast.ClassDef) else None
