"""The quality gate: what a reviewer asks of a model before it is merged, a row for each point."""

from __future__ import annotations

from scaffold.common.errors import UsageError
from scaffold.delivery.gate import document_points as documents
from scaffold.delivery.gate import evidence_points as evidence
from scaffold.delivery.gate.case import Case
from scaffold.delivery.gate.point import Point, Remedy, Row
from scaffold.delivery.sign_off import UNNAMED, evaluation


def _stage(name: str, point: str = "") -> Remedy:
    """Return the call of a stage; with ``point``, which may be reasoned, also the option that says why not."""
    return lambda calls: f"run: {calls.to('validate', '--stage', name)}{_or_reason(point)}"


def _anew(before: str = "") -> Remedy:
    """Return the call that plans it again, and what comes before."""
    return lambda calls: f"{before}run again: {calls.to('new-model')}"


def _fixed(remedy: str) -> Remedy:
    """Return words that are the same for each model."""
    return lambda _: remedy


def _or_reason(point: str) -> str:
    """Return the option that gives the reason why a point is not shown; empty without a point."""
    return f', or say why not: --without {point} "REASON"' if point else ""


POINTS = (
    Point(
        "real",
        "the checkpoint's own weights are served, on exactly these trees and an accepted device",
        evidence.real,
        _stage("real"),
    ),
    Point(
        "served",
        "it was served by vllm serve directly, from the work directory, without a PYTHONPATH",
        evidence.served,
        _stage("real"),
    ),
    Point(
        "requests",
        "requests are answered with text: one for text, and one with a picture where the model takes pictures",
        evidence.requests,
        _stage("real"),
    ),
    Point(
        "dummy",
        "random weights were served, where they were used at all",
        evidence.dummy,
        _stage("dummy", point="dummy"),
        may_be_reasoned=True,
    ),
    Point(
        "none-failed",
        "no stage that counts failed on exactly these trees",
        evidence.none_failed,
        _fixed("correct the adapter; then run the stage again"),
    ),
    Point(
        "parity",
        "the answers are those of the reference",
        evidence.parity,
        _stage("parity", point="parity"),
        may_be_reasoned=True,
    ),
    Point(
        "features",
        "graphs, expert parallel, flashcomm1, MTP and pictures were tried, each with its result or the reason why not",
        evidence.features,
        _stage("features", point="features"),
        may_be_reasoned=True,
    ),
    Point(
        "capacity",
        "the length that is served is reported",
        evidence.capacity,
        _stage("capacity", point="capacity"),
        may_be_reasoned=True,
    ),
    Point(
        "accuracy",
        "figures of an evaluation of exactly these trees, or why they are pending",
        evidence.accuracy,
        lambda calls: f"run: {evaluation(calls)}{_or_reason('accuracy')}",
        may_be_reasoned=True,
    ),
    Point("test-config", "the test config is valid", documents.test_config, _anew("correct it, or remove it and ")),
    Point(
        "tutorial",
        "the tutorial has all sections, none of them empty",
        documents.tutorial,
        _anew("write what is missing, or remove it and "),
    ),
    Point("index", "the index lists the tutorial", documents.index, _anew()),
    Point("code", "the commit holds all code of the plan, and its lines alone", documents.code, _anew()),
    Point("commit", "one signed-off commit can be made", documents.one_commit, _fixed("repair what git reports")),
)
REASONABLE = tuple(point.id for point in POINTS if point.may_be_reasoned)
"""Points for which a reason may stand in."""


def look(case: Case) -> tuple[Row, ...]:
    """Hold each point against a model."""
    return tuple(Row(point, point.look(case), case.calls) for point in POINTS)


def _shows(point: str) -> str:
    """Return what shows a point, whatever the model."""
    return next((one.remedy(UNNAMED) for one in POINTS if one.id == point), "see --help")


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
                remedy=f"show the point instead: {_shows(point)}",
            )
