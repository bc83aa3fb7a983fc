"""Figures in documents are those that were measured: one that was typed in is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from scaffold.common.calls import Calls
from scaffold.common.errors import CheckFailed
from scaffold.delivery.sign_off import UNNAMED

Figures = Mapping[tuple[str, str], float]
"""Task and metric → value."""


def check_figures(
    config: str, tutorial: str, measured: Figures, rows: tuple[str, ...], where: tuple[str, str], calls: Calls = UNNAMED
) -> None:
    """Check the figures of a test config, and that a tutorial has its rows of accuracy.

    Args:
        config: the text of the test config.
        tutorial: that of the tutorial.
        measured: what the evaluation gave, rounded as documents have it; empty without one.
        rows: the lines that the tutorial has to have.
        where: the names of both files.
        calls: how this tool is called for the model.

    Raises:
        CheckFailed: a figure that was not measured, or one that is left out.
    """
    in_config, in_tutorial = where
    written = dict(_figures(config, in_config))
    for (task, metric), value in sorted(written.items()):
        known = measured.get((task, metric))
        if known is None or isinstance(value, bool) or value != known:
            raise _not_measured(
                f"{value!r} as {metric} of {task}, and {'nothing' if known is None else known} was measured",
                in_config,
                calls,
            )
    for task, metric in sorted(set(measured) - set(written)):
        found = f"no value of {metric} of {task}, and {measured[task, metric]} was measured"
        raise _not_measured(found, in_config, calls)
    for row in rows:
        if row not in tutorial.splitlines():
            raise _not_measured(f"a tutorial without the line {row!r}", in_tutorial, calls)


def _figures(config: str, where: str) -> Iterator[tuple[tuple[str, str], Any]]:
    try:
        document = yaml.safe_load(config)
        for task in document["tasks"]:
            for metric in task["metrics"]:
                yield (task["name"], metric["name"]), metric.get("value")
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise CheckFailed(
            f"a test config that cannot be read ({error})",
            where=where,
            expected="tasks with metrics of name and value",
            remedy="correct it, or remove it and run scaffold new-model again",
        ) from error


def _not_measured(found: str, where: str, calls: Calls) -> CheckFailed:
    return CheckFailed(
        found,
        where=where,
        expected="the figures of the evaluation that was kept, and no others",
        remedy=f"take them from a results file: {calls.to('evaluate', '--results')} FILE",
    )
