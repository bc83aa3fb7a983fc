"""What a strategy is: one way in which a model gets served, asked whether it holds for a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scaffold.reading.of_checkpoint import Reading
    from scaffold.roots.vllm_tree import Registered


@dataclass(frozen=True)
class Question:
    """A model, and what the target has.

    Attributes:
        registry: the target's registered architectures by name, without those that an earlier run of this tool added.
    """

    reading: Reading
    registry: Mapping[str, Registered]


@dataclass(frozen=True)
class Answer:
    """Whether a strategy holds, and why or why not.

    Attributes:
        entry: the registered implementation that serves the model, if it is one that exists.
    """

    holds: bool
    reason: str
    entry: Registered | None = None


class Adds(Enum):
    """What a strategy adds to the target."""

    NOTHING = auto()
    REGISTRATION = auto()
    """A line that names ``Answer.entry`` for the architecture."""
    MODULE = auto()
    """A generated module and its registration."""


@dataclass(frozen=True)
class Strategy:
    """A row of ``STRATEGIES``.

    Attributes:
        name: what ``--strategy`` calls it.
        holds: answers whether it fits a model.
        adds: what it adds to the target.
        subject: the commit's, with ``{name}`` for the model's name.
        support: the sentence that documents say of a model that is served in this way.
        model_impl: of ``vllm serve --model-impl``, where it must be stated.
    """

    name: str
    holds: Callable[[Question], Answer]
    adds: Adds
    subject: str
    support: str
    model_impl: str | None = None
