"""What an evaluation measured: figures of ``lm_eval``'s results file, never typed in by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scaffold.common.errors import UsageError
from scaffold_validators.digest import sha256_of
from scaffold_validators.records import Kind

LARGEST = 1e12
"""No figure of an evaluation is larger, but for one that went wrong."""
DIGITS = 4
"""To which documents give a figure; the tree's own test allows 5 % (``RTOL``)."""


@dataclass(frozen=True)
class Metric:
    """One figure of a task.

    Attributes:
        name: with its filter, as ``lm_eval`` and test configs write it: ``exact_match,strict-match``.
        stderr: the standard error; None where there is none.
    """

    name: str
    value: float
    stderr: float | None


@dataclass(frozen=True)
class Task:
    """What one task gave.

    Attributes:
        num_fewshot: examples in front of each question.
        samples: questions that were asked.
        of: questions that the task has.
    """

    name: str
    metrics: tuple[Metric, ...]
    num_fewshot: int
    samples: int
    of: int

    @property
    def is_sampled(self) -> bool:
        """Return whether only some of the questions were asked."""
        return self.samples < self.of


@dataclass(frozen=True)
class Accuracy:
    """One evaluation.

    Attributes:
        chat_template: whether questions went through the model's chat template.
        model: how ``lm_eval`` reached the model: ``local-completions`` …
        model_args: what it was told of it.
        date: when, in UTC, as ``2026-11-27T10:15``.
        results: the results file, as it was kept.
        results_sha256: of that file.
        digests: the trees and the checkpoint that it holds for.
    """

    tasks: tuple[Task, ...]
    chat_template: bool
    fewshot_as_multiturn: bool
    model: str
    model_args: str
    lm_eval_version: str
    date: str
    results: str
    results_sha256: str
    digests: Mapping[str, str]

    def figures(self) -> Iterator[tuple[str, str, float]]:
        """Yield task, metric and value of each figure, rounded as documents have it."""
        for task in self.tasks:
            for metric in task.metrics:
                yield task.name, metric.name, round(metric.value, DIGITS)


def figure(value: float) -> str:
    """Return a figure as documents write it: to `DIGITS` behind the point, a small one with its first four digits.

    The tree's own test compares with four digits behind the point; a config has those.
    """
    if value and abs(value) < 10 ** (1 - DIGITS):
        return f"{value:.{DIGITS - 1}e}"
    return str(round(value, DIGITS))


ACCURACY = Kind("accuracy", 1, Accuracy, remedy="remove the file, and run scaffold evaluate again")


def read_results(path: Path, digests: Mapping[str, str]) -> Accuracy:
    """Read the results file of ``lm_eval`` (``--output_path``; lm_eval: docs/interface.md).

    Args:
        path: the file.
        digests: the trees and the checkpoint that were evaluated.

    Raises:
        UsageError: it cannot be read, is none, or has no figure.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        tasks = tuple(_tasks(document))
        date = datetime.fromtimestamp(float(document["date"]), timezone.utc)
        found = Accuracy(
            tasks=tasks,
            chat_template=bool(document.get("chat_template")),
            fewshot_as_multiturn=bool(document.get("fewshot_as_multiturn")),
            model=str(document["config"]["model"]),
            model_args=_shown(document["config"].get("model_args")),
            lm_eval_version=str(document.get("lm_eval_version", "unknown")),
            date=date.strftime("%Y-%m-%dT%H:%M"),
            results=str(path),
            results_sha256=sha256_of(path),
            digests=dict(digests),
        )
    except OSError as error:
        raise _no_results(path, error.strerror or str(error)) from error
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise _no_results(path, f"no results of lm_eval ({error})") from error
    except KeyError as error:
        raise _no_results(path, f"no results of lm_eval: nothing under {error}") from error
    if not any(task.metrics for task in tasks):
        raise _no_results(path, "results without a figure")
    return found


def _tasks(document: Mapping[str, Any]) -> Iterator[Task]:
    for name, values in sorted(document["results"].items()):
        metrics = tuple(_metrics(values))
        counts = (document.get("n-samples") or {}).get(name) or {}
        shots = (document.get("n-shot") or {}).get(name) or 0
        samples, of = int(counts.get("effective", 0)), int(counts.get("original", 0))
        if not _is_plain(name) or not all(_is_plain(metric.name) for metric in metrics):
            raise ValueError(f"the name {name!r}, or one of a metric of it")
        if int(shots) < 0 or not 0 <= samples <= of or (counts and not samples):
            raise ValueError(f"{samples} of {of} questions and {shots} shots of {name}")
        yield Task(name, metrics, int(shots), samples, of)


def _metrics(values: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield the figures: ``exact_match,strict-match`` beside ``exact_match_stderr,strict-match`` and words."""
    for key, value in sorted(values.items()):
        name, comma, filter_ = key.partition(",")
        if not comma or name.endswith("_stderr") or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise ValueError(f"{key} is {value}")
        stderr = values.get(f"{name}_stderr,{filter_}")
        known = isinstance(stderr, int | float) and not isinstance(stderr, bool) and abs(stderr) < LARGEST
        yield Metric(key, float(value), float(stderr) if known and stderr is not None else None)


def _is_plain(name: object) -> bool:
    """Return whether a name may stand in one cell of a table and one line of a message."""
    return isinstance(name, str) and 0 < len(name) < 200 and name.isprintable() and "|" not in name


def _shown(arguments: Any) -> str:
    if isinstance(arguments, Mapping):
        return ",".join(f"{name}={value}" for name, value in arguments.items())
    return str(arguments or "")


def _no_results(path: Path, found: str) -> UsageError:
    return UsageError(
        found,
        where=str(path),
        expected="the results file that lm_eval writes below --output_path: results_<date>.json",
        remedy="pass that file with --results, or leave it out to run lm_eval here",
    )
