"""Answers: which side of a disagreement can be believed, so that the plan goes on."""

from __future__ import annotations

from dataclasses import replace

from scaffold.common.errors import CheckFailed
from scaffold.disagreements.believe import unanswered
from scaffold.disagreements.finding import CONFIG
from scaffold.planning.prove import prove
from scaffold.planning.read import Subject
from scaffold.planning.render import render
from scaffold.planning.request import Request
from scaffold.planning.settle import check_settled, settle
from scaffold.source.python.errors import NotUnderstood
from scaffold.strategy.decide import decide
from scaffold.strategy.protocol import Question


def question_of(subject: Subject, request: Request) -> Question:
    """Return what strategies are asked about a subject."""
    return Question(
        subject.reading,
        subject.registry,
        subject.tree,
        same_as=request.same_as,
        config_counts=request.believe == CONFIG,
        ranks=request.ranks,
    )


def with_answers(subject: Subject, request: Request) -> Subject:
    """Return the subject whose open disagreements offer those answers alone with which the plan would go on.

    Each is tried, as a number that one tensor asks for need not be one that all of them fit.
    """
    settled = subject.settled
    is_open = unanswered(settled.left, request.believe)
    for side in sorted({side for one in is_open for side in one.answers}):
        if side == request.believe or not _goes_on(subject, replace(request, believe=side)):
            found, left = (tuple(one.without(side) for one in of) for of in (settled.found, settled.left))
            settled = replace(settled, found=found, left=left)
    return subject if settled is subject.settled else replace(subject, settled=settled)


def _goes_on(subject: Subject, request: Request) -> bool:
    """Return whether a strategy holds for the checkpoint as it is believed, and its code can be written."""
    settled = settle(subject.settled.checkpoint, request.transformers, request.modeling, request.believe)
    believed = replace(subject, reading=settled.reading, settled=settled)
    question = question_of(believed, request)
    try:
        check_settled(settled, request.believe)
        render(prove(decide(question, request.strategy, request.refuted)), believed, question.target)
    except (CheckFailed, NotUnderstood):
        return False
    return True
