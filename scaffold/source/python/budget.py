"""What a run may still do, and where it is: steps, and elements that are made or walked through."""

from __future__ import annotations

import ast

from scaffold.source.python import bounds
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.one_size import OneSize
from scaffold.source.python.protocol import Place
from scaffold.source.python.syntax import SourceFile

MAX_STEPS = 2_000_000


class Budget(OneSize):
    """A run with its budget."""

    def __init__(self) -> None:
        self.steps = 0
        self.spent = 0
        self._at: tuple[SourceFile, ast.AST] | None = None

    def step(self, file: SourceFile, node: ast.AST) -> None:
        """Count a step.

        Raises:
            NotUnderstood: the budget is used up.
        """
        self.steps += 1
        self._at = (file, node)
        if self.steps > MAX_STEPS:
            raise NotUnderstood(f"more than {MAX_STEPS:,} steps", file.lines(node))

    def spend(self, size: int) -> None:
        """Count elements that are made or walked through.

        Raises:
            NotUnderstood: the budget is used up.
        """
        self.spent += size
        if self.spent > bounds.MAX_SPENT:
            raise NotUnderstood(f"sequences of more than {bounds.MAX_SPENT:,} elements together")

    def at(self) -> Place | None:
        """Return the statement that is carried out, None outside of any."""
        return self._at

    def where(self) -> str:
        """Return file and lines of the statement that is carried out, empty outside of any."""
        return self._at[0].lines(self._at[1]) if self._at else ""
