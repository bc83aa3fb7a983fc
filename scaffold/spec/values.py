"""Values of a model with the config key that they come from, and what the evidence does not determine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scaffold.expressions.python import write
from scaffold.expressions.tree import Expression, Key, Literal


@dataclass(frozen=True)
class Value:
    """A number, word or switch of the model.

    Attributes:
        value: what it is for this checkpoint.
        key: the config key that holds it, if one does.
        expression: where it is computed from keys: ``config.hidden_size**0.5``.
    """

    value: Any
    key: str | None = None
    expression: Expression | None = None

    @property
    def tree(self) -> Expression:
        """Return what an adapter writes: from its config where it has a key, else a literal."""
        if self.expression is not None:
            return self.expression
        return Key((self.key,)) if self.key else Literal(self.value)

    @property
    def code(self) -> str:
        """Return how an adapter writes it where it has the config as ``config``."""
        return write(self.tree)


ONE = Value(1.0)
"""A factor that changes nothing."""


@dataclass(frozen=True)
class Hole:
    """Something that the evidence does not determine. It is reported, never guessed."""

    where: str
    what: str
    evidence: str = ""
