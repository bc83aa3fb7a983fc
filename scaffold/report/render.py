"""Report, runbook and comment as Markdown: one template for both languages, filled from the value and the words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffold.common.sizes import size_text
from scaffold.delivery.benchmark import FIGURES
from scaffold.delivery.measured import CHECKPOINT
from scaffold.report.layers import merged
from scaffold.report.markdown import EMPTY, cell, code, fence
from scaffold.report.value import Limit, Report
from scaffold.report.wording import Words, words
from scaffold.report.workflow import workflow_of
from scaffold_validators.stages.capacity.run import BASELINE_LEN

if TYPE_CHECKING:
    from jinja2 import Environment

REPORT, RUNBOOK, COMMENT = "report.md", "runbook.md", "comment.md"
"""The documents, by the files that they are written to."""
MOST_RULES = 40
MOST_CELLS = 8
NAMED = {"not-run": "stage", "stale": "stage", "feature-fails": "feature", "feature-not-tried": "feature"}
"""Kind of a limit whose detail is a name of this tool → the section of the words that has it."""
"""Of rules and of values in one cell: reports are to be compact; the records have all of them."""


def render(document: str, report: Report, language: str) -> str:
    """Return a document as Markdown.

    Args:
        document: `REPORT`, `RUNBOOK` or `COMMENT`.
        report: see `scaffold.report.gather`.
        language: a row of ``LANGUAGES``.
    """
    template = _environment().get_template(f"{document}.jinja")
    return _tidy(template.render(_context(report, words(language))))


def _context(report: Report, found: Words) -> dict[str, Any]:
    def said(text: str) -> str:
        return found.said(text, cell) or cell(text)

    return {
        "r": report,
        "w": found.of,
        "p": found.sections["punctuation"],
        "code": code,
        "cell": cell,
        "fence": fence,
        "said": said,
        "facts": [
            (found.fact(one.name, one.layers, cell), one.value, one.evidence)
            for one in merged(report.account.facts if report.account else ())
        ],
        "limits_by_kind": _limits(report, found),
        "size": size_text,
        "dash": EMPTY,
        "most_rules": MOST_RULES,
        "most_cells": MOST_CELLS,
        "baseline_len": BASELINE_LEN,
        "figures": tuple(report.accuracy.figures()) if report.accuracy else (),
        "figures_of_load": _figures_of_load(report),
        "bench_command": _bench_command(report),
        "versions": _versions(report),
        "workflow": workflow_of(report),
    }


def _figures_of_load(report: Report) -> list[tuple[str, str]]:
    """Return key and value of what was measured under load, in the order of the table."""
    found = report.benchmark.figures if report.benchmark else {}
    return [(key, _figure(found[key])) for key in FIGURES if key in found]


def _figure(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() else f"{value:.2f}"


def _bench_command(report: Report) -> str:
    """Return the command that measured it, with the checkpoint that was served."""
    words = report.benchmark.command if report.benchmark else ()
    return shlex.join(report.identity.checkpoint if word == CHECKPOINT else word for word in words)


def _limits(report: Report, found: Words) -> list[tuple[str, list[str]]]:
    """Return the kinds of limits in their order, each with its details in words."""
    kinds: dict[str, list[str]] = {}
    for limit in report.limits:
        kinds.setdefault(limit.kind, []).extend([_detail(limit, found)] if limit.detail else [])
    return list(kinds.items())


def _detail(limit: Limit, found: Words) -> str:
    if limit.kind in NAMED:
        return found.of(NAMED[limit.kind], limit.detail)
    if limit.kind == "excused" and limit.of:
        point = found.sections["point"].get(limit.of) or code(limit.of)  # a message can be amended by hand
        return f"{point}{found.of('punctuation', 'colon')}{code(limit.detail)}"
    said = limit.detail if limit.detail.isdecimal() else found.said(limit.detail, code) or code(limit.detail)
    return said + (found.of("punctuation", "bracket", text=code(limit.of)) if limit.of else "")


def _versions(report: Report) -> Sequence[str]:
    """Return the versions that the newest run with some has, ``name version`` each."""
    run = next((run for run in reversed(report.history) if run.verdict.device and run.verdict.versions), None)
    return [f"{name} {version}" for name, version in sorted(run.verdict.versions.items())] if run else ()


def _tidy(text: str) -> str:
    """Return a text without the empty lines that parts leave which are not there."""
    blocks = re.split(r"(^(?P<ticks>`{3,}).*?^(?P=ticks)$)", text, flags=re.M | re.S)
    kept = [part if at % 3 == 1 else re.sub(r"\n{3,}", "\n\n", part) for at, part in enumerate(blocks) if at % 3 != 2]
    return "".join(kept).strip() + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown: what others wrote goes through code, cell or fence
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
