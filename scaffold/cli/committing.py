"""The commit on the command line: the quality gate as a table, what would be committed, and the final summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scaffold.checkpoint.text import printable
from scaffold.cli.output import Output
from scaffold.cli.roots import Settings
from scaffold.delivery.gate.point import GateRefused, Row, State
from scaffold.running.committing import Prepared, commit_plan, prepare_commit, recover
from scaffold.running.summary import Summary, summary_of


def show_dry_run(output: Output, settings: Settings, name: str) -> None:
    """Show the commit that would be made: the quality gate, its message, and what it would write and change.

    Raises:
        GateRefused: points are missing; the whole table was shown.
        UsageError: nothing was planned for the model, or an option does not fit.
    """
    prepared = _gated(output, settings, name)
    stat = prepared.stat()
    diff = prepared.changes.diff({"": prepared.delivery})
    document = {"message": prepared.message, "files": [str(file) for file in prepared.contents], "diff": diff}
    output.document({"dry_run": True, "commit": None, "would_commit": document})
    output.line(prepared.message)
    output.diff(diff)
    for line in stat:
        output.line(line)


def make_commit(output: Output, settings: Settings, name: str) -> None:
    """Make the commit, and show what it holds, how to go on, and what it goes without.

    Raises:
        GateRefused: points are missing; the whole table was shown.
        CheckFailed: git or a hook refuses.
        UsageError: nothing was planned for the model, or an option does not fit.
    """
    recover(settings.workspace())
    prepared = _gated(output, settings, name)
    made = commit_plan(settings.workspace(), prepared)
    summary = summary_of(made, prepared)
    output.document({"commit": made, **_reasons(settings), "summary": _document(summary)})
    _show(output, summary)


def _gated(output: Output, settings: Settings, name: str) -> Prepared:
    """Show the quality gate, whether it passes or not."""
    device = settings.get("accept_device") or "npu"
    try:
        prepared = prepare_commit(name, settings.workspace(), device, settings.excuses())
    except GateRefused as refused:
        show_gate(output, refused.rows)
        raise
    show_gate(output, prepared.rows)
    return prepared


def show_gate(output: Output, rows: Sequence[Row]) -> None:
    """Show each point of the quality gate, how it ended, and where the evidence is."""
    cells = [(row.point.id, row.answer.state.sign, _short(row.answer.says), row.answer.where) for row in rows]
    output.table("Quality gate", ("point", "", "what was found", "evidence"), cells)
    output.document({"gate": gate_document(rows)})


def gate_document(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the quality gate's part of the JSON document."""
    return [
        {
            "point": row.point.id,
            "asks": row.point.asks,
            "state": row.answer.state.value,
            "says": row.answer.says,
            "where": row.answer.where,
            "remedy": row.error.remedy if row.answer.state is State.MISSING else "",
            "may_be_reasoned": row.point.may_be_reasoned,
        }
        for row in rows
    ]


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


def _reasons(settings: Settings) -> dict[str, str]:
    excuses = settings.excuses()
    own = {"without_parity": excuses.without_parity, "accuracy_pending": excuses.accuracy_pending}
    return {name: why for name, why in own.items() if why}


def _document(summary: Summary) -> dict[str, Any]:
    return {
        "repo": str(summary.repo),
        "files": list(summary.files),
        "commands": dict(summary.commands),
        "limits": list(summary.limits),
        "reasons": list(summary.reasons),
    }


def _show(output: Output, summary: Summary) -> None:
    output.line(f"commit {summary.commit} in {summary.repo}")
    for file in summary.files:
        output.line(f"  {file}")
    for title, lines in (
        ("Commands", [f"{what}: {command}" for what, command in summary.commands.items()]),
        ("Known limits", summary.limits),
        ("Not shown, and why", summary.reasons),
    ):
        if lines:
            output.line(title)
        for line in lines:
            output.line(f"  {printable(line)}")
