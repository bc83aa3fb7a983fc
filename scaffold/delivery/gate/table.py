"""The quality gate: what a reviewer asks of a model before it is merged, a row for each point."""

from __future__ import annotations

from scaffold.common.errors import UsageError
from scaffold.delivery.gate import document_points as documents
from scaffold.delivery.gate import evidence_points as evidence
from scaffold.delivery.gate.case import Case
from scaffold.delivery.gate.point import Point, Row

VALIDATE = "run: scaffold validate CHECKPOINT --stage"
OR_REASON = 'or say why not: --without {} "REASON"'
ANEW = "run scaffold new-model for this model again"

POINTS = (
    Point(
        "real",
        "the checkpoint's own weights are served, on exactly these trees and an accepted device",
        evidence.real,
        f"{VALIDATE} real",
    ),
    Point(
        "served",
        "it was served by vllm serve directly, from the work directory, without a PYTHONPATH",
        evidence.served,
        f"{VALIDATE} real",
    ),
    Point(
        "requests",
        "requests are answered with text: one for text, and one with a picture where the model takes pictures",
        evidence.requests,
        f"{VALIDATE} real",
    ),
    Point(
        "dummy",
        "random weights were served, where they were used at all",
        evidence.dummy,
        f"{VALIDATE} dummy, {OR_REASON.format('dummy')}",
        may_be_reasoned=True,
    ),
    Point(
        "none-failed",
        "no stage that counts failed on exactly these trees",
        evidence.none_failed,
        "correct the adapter and run the stage again",
    ),
    Point(
        "parity",
        "the answers are those of the reference",
        evidence.parity,
        f"{VALIDATE} parity, {OR_REASON.format('parity')}",
        may_be_reasoned=True,
    ),
    Point(
        "features",
        "graphs, expert parallel, flashcomm1, MTP and pictures were tried, each with its result or the reason why not",
        evidence.features,
        f"{VALIDATE} features, {OR_REASON.format('features')}",
        may_be_reasoned=True,
    ),
    Point(
        "capacity",
        "the length that is served is reported",
        evidence.capacity,
        f"{VALIDATE} capacity, {OR_REASON.format('capacity')}",
        may_be_reasoned=True,
    ),
    Point(
        "accuracy",
        "figures of an evaluation of exactly these trees, or why they are pending",
        evidence.accuracy,
        f"run: scaffold evaluate CHECKPOINT, {OR_REASON.format('accuracy')}",
        may_be_reasoned=True,
    ),
    Point("test-config", "the test config is valid", documents.test_config, f"correct it, or remove it: {ANEW}"),
    Point(
        "tutorial",
        "the tutorial has all sections, none of them empty",
        documents.tutorial,
        f"write what is missing, or remove it: {ANEW}",
    ),
    Point("index", "the index lists the tutorial", documents.index, ANEW),
    Point("code", "the commit holds all code of the plan, and its lines alone", documents.code, ANEW),
    Point("commit", "one signed-off commit can be made", documents.one_commit, "repair what git reports"),
)
REASONABLE = tuple(point.id for point in POINTS if point.may_be_reasoned)
"""Points for which a reason may stand in."""


def look(case: Case) -> tuple[Row, ...]:
    """Hold each point against a model."""
    return tuple(Row(point, point.look(case)) for point in POINTS)


def check_reasons(given: dict[str, str]) -> None:
    """Check that reasons are given for points that may have one, and in words.

    Raises:
        UsageError: there is no such point, it takes no reason, or the reason is empty.
    """
    for point, reason in given.items():
        if point not in REASONABLE or not reason:
            raise UsageError(
                f"{point!r} with the reason {reason!r}",
                where="--without",
                expected=f"one of {', '.join(REASONABLE)}, and why it is not shown",
                remedy="show the point instead: " + next((p.remedy for p in POINTS if p.id == point), "see --help"),
            )
