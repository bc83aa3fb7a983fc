"""A plan that was refused, and how far it got: the one place where that is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scaffold.common.errors import CheckFailed
from scaffold.mapping.proved import Proved
from scaffold.planning.read import Subject
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.model import ModelSpec
from scaffold.spec.values import Hole
from scaffold.strategy.decide import NoStrategy
from scaffold.weights.findings import Proof


class NotPlanned(CheckFailed):
    """The model was read, and cannot be adapted as asked: ``subject``, ``spec`` and ``proof`` say how far it got.

    ``strategy`` is the one that was planned; empty where none holds.
    """

    kind = "Refused"
    """What the JSON document calls it: a refusal like any other."""

    def __init__(
        self, cause: CheckFailed, subject: Subject, spec: ModelSpec, proof: Proof | None, strategy: str = ""
    ) -> None:
        super().__init__(cause.found, where=cause.where, expected=cause.expected, remedy=cause.remedy)
        self.subject, self.spec, self.proof, self.strategy = subject, spec, proof, strategy


@contextmanager
def refused_after(subject: Subject, proved: Proved | None = None, strategy: str = "") -> Iterator[None]:
    """Turn a step's refusal into `NotPlanned`, with what was known before it.

    What an adapter has no form for is a hole like those that were found when the model was read.

    Raises:
        NotPlanned: a step refuses, or meets a form that it has no idiom for.
    """
    spec, proof = subject.reading.spec, None if proved is None else proved.proof
    try:
        yield
    except NotUnderstood as error:
        hole = Hole("adapter", error.what, error.where)
        holed = spec.with_holes(hole)
        raise NotPlanned(_no_idiom(hole), subject, holed, proof, strategy) from error
    except NoStrategy as error:
        raise NotPlanned(error, subject, spec, error.proof) from error
    except CheckFailed as error:
        raise NotPlanned(error, subject, spec, proof, strategy) from error


def _no_idiom(hole: Hole) -> CheckFailed:
    return CheckFailed(
        hole.what,
        where=hole.evidence or "the adapter",
        expected="a form that adapters have an idiom for",
        remedy="serve it with --strategy transformers, where that takes the model, until there is one",
    )
