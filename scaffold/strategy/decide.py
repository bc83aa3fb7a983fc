"""The second step: the smallest change that works, and why nothing smaller does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scaffold.common.errors import CheckFailed
from scaffold.roots.vllm_tree import Registered
from scaffold.strategy.protocol import Answer, Counts, Question, Strategy
from scaffold.strategy.purpose import check_writes_text
from scaffold.strategy.renaming import Renames
from scaffold.strategy.table import STRATEGIES

AUTO = "auto"
REMEDY = "check whether config.json, the files and the modeling source are of the same model"
OF_HOLES = "nothing is wrong with the files: the lines that are named are in no form that is known yet"
"""What is to be done where the model was not understood: its block is written by hand, or the form is added."""


@dataclass(frozen=True)
class Decision:
    """The strategy that was chosen, and what each one answered that was asked before it."""

    strategy: Strategy
    answers: tuple[tuple[Strategy, Answer], ...]

    @property
    def entry(self) -> Registered | None:
        """Return the registered implementation that serves the model, if it is one that exists."""
        return self.answers[-1][1].entry

    @property
    def renames(self) -> Renames:
        """Return how names of the checkpoint begin that its source has otherwise, as far as a strategy found it."""
        return next((answer.renames for _, answer in self.answers if answer.renames), ())

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what else there is to know of the strategy that was chosen."""
        return self.answers[-1][1].notes

    @property
    def unproved(self) -> tuple[str, ...]:
        """Return what could not be decided about the strategy that was chosen, and so is left to the twin."""
        return self.answers[-1][1].unproved

    @property
    def misfits(self) -> Mapping[int, tuple[str, ...]]:
        """Return the tensor-parallel sizes at which the chosen strategy cannot serve, each with the reasons."""
        return self.answers[-1][1].misfits

    @property
    def counts(self) -> Counts | None:
        """Return what becomes of the tensors by the strategy that was chosen."""
        return self.answers[-1][1].counts

    @property
    def why(self) -> tuple[str, ...]:
        """Return one line for each strategy that was asked; those with one reason share a line."""
        return _lines(self.answers)


def decide(question: Question, asked: str = AUTO, refuted: Mapping[str, str] = {}) -> Decision:
    """Choose the first strategy that holds, or check the one asked for.

    Where that is a later one, those between it and the first that holds are not asked: they say nothing about either.

    Args:
        question: the model, and what the target has.
        asked: ``auto`` or a strategy's name.
        refuted: strategies that hold as far as can be read, and were shown to be wrong: name → what showed it.

    Raises:
        NoStrategy: the strategy asked for does not hold, or none does.
        CheckFailed: the model does not write text.
    """
    check_writes_text(question)
    answers: list[tuple[Strategy, Answer]] = []
    for strategy in STRATEGIES:
        if strategy.name != asked and any(answer.holds for _, answer in answers):
            continue
        shown = refuted.get(strategy.name)
        answer = strategy.holds(question)
        if shown is not None:
            answer = replace(answer, holds=False, reason=shown)
        answers.append((strategy, answer))
        if answer.holds and asked in (AUTO, strategy.name):
            return Decision(strategy, tuple(answers))
        if asked == strategy.name:
            break
    raise NoStrategy(
        asked, tuple(answers), has_holes=question.reading.source is not None and bool(question.reading.spec.holes)
    )


class NoStrategy(CheckFailed):
    """No strategy holds, or the one asked for does not; ``proof`` is that of the weights, if it came so far."""

    def __init__(self, asked: str, answers: tuple[tuple[Strategy, Answer], ...], *, has_holes: bool = False) -> None:
        lines = _lines(answers)
        is_auto = asked == AUTO
        super().__init__(
            "; ".join(lines) if is_auto else _line(*answers[-1]),
            where=f"--strategy {asked}",
            expected="a strategy that holds" if is_auto else f"a model that {asked} fits",
            remedy=(OF_HOLES if has_holes else REMEDY) if is_auto else f"leave the choice to --strategy {AUTO}",
        )
        proved = answers[-1][1].proved or next((a.proved for _, a in answers if is_auto and a.proved), None)
        self.why = lines
        self.proof = None if proved is None else proved.proof


def _lines(answers: tuple[tuple[Strategy, Answer], ...]) -> tuple[str, ...]:
    names: dict[str, list[str]] = {}
    for strategy, answer in answers:
        names.setdefault(answer.reason, []).append(strategy.name)
    return tuple(f"{', '.join(of)}: {reason}" for reason, of in names.items())


def _line(strategy: Strategy, answer: Answer) -> str:
    return f"{strategy.name}: {answer.reason}"
