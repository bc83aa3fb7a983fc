"""The second step: the smallest change that works, and why nothing smaller does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scaffold.common.errors import CheckFailed
from scaffold.roots.vllm_tree import Registered
from scaffold.strategy.protocol import Answer, Question, Strategy
from scaffold.strategy.table import STRATEGIES

AUTO = "auto"


@dataclass(frozen=True)
class Decision:
    """The strategy that was chosen, and what each strategy up to it answered."""

    strategy: Strategy
    answers: tuple[tuple[Strategy, Answer], ...]

    @property
    def entry(self) -> Registered | None:
        """Return the registered implementation that serves the model, if it is one that exists."""
        return self.answers[-1][1].entry

    @property
    def why(self) -> tuple[str, ...]:
        """Return one line for each strategy that was asked."""
        return tuple(_line(strategy, answer) for strategy, answer in self.answers)


def decide(question: Question, asked: str = AUTO, refuted: Mapping[str, str] = {}) -> Decision:
    """Choose the first strategy that holds, or check the one asked for.

    Args:
        question: the model, and what the target has.
        asked: ``auto`` or a strategy's name.
        refuted: strategies that hold as far as can be read, and were shown to be wrong: name → what showed it.

    Raises:
        CheckFailed: the strategy asked for does not hold.
    """
    answers: list[tuple[Strategy, Answer]] = []
    for strategy in STRATEGIES:
        shown = refuted.get(strategy.name)
        answer = strategy.holds(question) if shown is None else Answer(False, shown)
        answers.append((strategy, answer))
        if answer.holds and asked in (AUTO, strategy.name):
            return Decision(strategy, tuple(answers))
        if asked == strategy.name:
            break
    raise CheckFailed(
        _line(*answers[-1]),
        where=f"--strategy {asked}",
        expected=f"a model that {asked} fits",
        remedy=f"leave the choice to --strategy {AUTO}",
    )


def _line(strategy: Strategy, answer: Answer) -> str:
    return f"{strategy.name}: {answer.reason}"
