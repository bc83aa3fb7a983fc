"""What came of a fleet, as rows of one table: for people, and as Markdown that is written as far as it is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scaffold.running.fleet.job import Ran
from scaffold.running.fleet.rows import Row

COLUMNS = ("model", "stages", "why", "machine", "tries", "seconds")
PASSED = 0


def cells(row: Row, ran: Ran) -> tuple[str, ...]:
    """Return a line of the table."""
    stages = [f"{verdict['stage']} {verdict['kind']}" for verdict in _verdicts(ran)]
    static = ran.document.get("static", {}).get("verdict")
    shown = ", ".join([*([f"static {static}"] if static else []), *stages]) or "none"
    return row.shown, shown, why(ran), ran.machine or "–", str(ran.tries), f"{ran.seconds:.0f}"


def why(ran: Ran) -> str:
    """Return why a row has not passed, in one line; empty where it has."""
    if ran.code == PASSED:
        return ""
    stops = ran.document.get("static", {}).get("stops", ())
    causes = [v.get("cause") or v["reason"] for v in _verdicts(ran) if v["outcome"] != "passed"]
    error = ran.document.get("error", {}).get("found", "")
    said = next((text for text in (*causes, error, *stops, ran.errors.strip()[-300:]) if text), f"exit code {ran.code}")
    return " ".join(str(said).split())


def document(row: Row, ran: Ran) -> dict[str, Any]:
    """Return a line as JSON has it, with what ``scaffold validate`` said."""
    return {
        "model": row.shown,
        "checkpoint": row.checkpoint,
        "code": ran.code,
        "why": why(ran),
        "machine": ran.machine,
        "tries": ran.tries,
        "seconds": ran.seconds,
        "said": dict(ran.document),
    }


def markdown(lines: Iterable[tuple[str, ...]]) -> str:
    """Return the table."""
    head = ["| " + " | ".join(COLUMNS) + " |", "| --- | --- | --- | --- | ---: | ---: |"]
    return "\n".join([*head, *("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


def _verdicts(ran: Ran) -> list[dict[str, Any]]:
    return list(ran.document.get("verdicts", ()))
