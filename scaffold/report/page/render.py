"""The report as one HTML page that needs nothing else: no network, no other file, no server.

What the page shows comes from checkpoints, logs and source of others. All of it is escaped by the template, or is data
that the script puts into text nodes; the policy in the page's head allows no connection, and no script and style but
the two of this package, by their digests.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffold.report.layers import merged
from scaffold.report.page.text import embedded, legible
from scaffold.report.page.timeline import timeline
from scaffold.report.page.weights import Weights
from scaffold.report.page.words import fact_name, told, words
from scaffold.report.value import Limit, Report
from scaffold_validators.stages.table import REAL_SERVER, SLICE_SERVER, STAGES
from scaffold_validators.verdict import Verdict

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
SECTIONS = (
    "gates", "weights", "model", "features", "capacity", "static", "changes", "evidence", "runbook", "limits",
)  # fmt: skip
"""The parts of the page in their order: each is a template and a word ``section.…``."""
LINE_KINDS = (("+++", "file"), ("---", "file"), ("@@", "hunk"), ("+", "added"), ("-", "removed"), ("\\", "file"))
"""How a line of a diff begins → what it is; the first that fits."""


def page(report: Report, weights: Weights | None = None, language: str = "zh") -> str:
    """Return the page.

    Args:
        report: what is known of the model.
        weights: where its tensors go; None where its checkpoint was not read.
        language: the one that it begins in; it holds both.
    """
    css, script = (_packaged(name) for name in ("page.css", "page.js"))
    devices = sorted({run.verdict.device.upper() for run in report.current if run.verdict.device})
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            report=report,
            weights=weights,
            timeline=timeline(report.history),
            limits=_limits(report),
            devices=", ".join(devices),
            language=language,
            word=lambda key, *values: _word(key, language).format(*values),
            words=words(),
            sections=SECTIONS,
            real_stages=[stage.name for stage in STAGES if stage.starts in (REAL_SERVER, SLICE_SERVER)],
            css=_as_it_is(css),
            script=_as_it_is(script),
            policy=policy(css, script),
        )
    )


def policy(css: str, script: str) -> str:
    """Return the content security policy: nothing is loaded, and no other script or style is run."""
    allowed = {"script-src": _digest(script), "style-src": _digest(css)}
    rules = ["default-src 'none'", *(f"{kind} '{digest}'" for kind, digest in allowed.items())]
    return "; ".join([*rules, "img-src data:", "base-uri 'none'", "form-action 'none'"])


def diff_lines(diff: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a unified diff, each with what it is; the headers are those in front of the first hunk."""
    in_hunk = False
    for line in diff.removesuffix("\n").split("\n"):
        in_hunk = in_hunk or line.startswith("@@")
        kinds = LINE_KINDS[2:] if in_hunk else LINE_KINDS
        yield next((kind for beginning, kind in kinds if line.startswith(beginning)), "same"), line


def seconds(value: float) -> str:
    """Return a length of time as a reader takes it in."""
    if value >= 600:
        return f"{value / 60:.0f} min"
    return f"{value:.0f} s" if value >= 10 or value == int(value) else f"{value:.1f} s"


def gib(size: int) -> str:
    """Return a number of bytes in the largest unit that leaves a whole part."""
    for unit, power in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 2**power:
            return f"{size / 2**power:,.2f} {unit}"
    return f"{size} B"


def tone(verdict: Verdict) -> str:
    """Return how a verdict is coloured."""
    return "good" if verdict.passed else "bad" if verdict.failed else "warn"


def mark(verdict: Verdict) -> str:
    """Return the sign of a verdict: nothing is told by colours alone."""
    return "✓" if verdict.passed else "✗" if verdict.failed else "–"


def _legible(value: object) -> object:
    """Return the text of a value with what is not to be seen as an escape; what is HTML already as it is."""
    return value if value is None or hasattr(value, "__html__") else legible(str(value))


def _limits(report: Report) -> dict[str, list[Limit]]:
    """Return the limits by their kind, in their order."""
    found: dict[str, list[Limit]] = {}
    for limit in report.limits:
        found.setdefault(limit.kind, []).append(limit)
    return found


def _word(key: str, language: str) -> str:
    return words()[key]["en" if language == "en" else "zh"]


def _packaged(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _as_it_is(text: str) -> Any:
    """Return a file of this package as what a template does not escape."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 (a file of this package)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        finalize=_legible,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters["embedded"] = lambda value: _as_it_is(embedded(value))
    made.filters["tojson_text"] = lambda value: json.dumps([str(one) for one in value], ensure_ascii=False)
    helpers = (diff_lines, seconds, gib, tone, mark, merged, fact_name, told)
    made.globals.update({helper.__name__: helper for helper in helpers})
    return made
