"""``scaffold diagnose``: what serve logs say of a failure, and what to do."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from scaffold.cli.output import Output, reporting
from scaffold.common.errors import UsageError
from scaffold_validators.diagnosis import Diagnosis, diagnose

STANDARD_INPUT = "-"


@click.command("diagnose")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@reporting
def command(output: Output, logs: tuple[str, ...]) -> int:
    """Name the cause of a failure in each LOG, a file or - for standard input, and say what to do.

    Ends with 1 if there is a failure in one of them.
    """
    found = {log: diagnose(_read(log)) for log in logs}
    for log, diagnosis in found.items():
        _show(output, log, diagnosis)
    output.document({"logs": [_document(log, diagnosis) for log, diagnosis in found.items()]})
    return 1 if any(diagnosis.cause is not None for diagnosis in found.values()) else 0


def _read(log: str) -> str:
    """Return the text of a log.

    Raises:
        UsageError: it is no file that can be read.
    """
    try:
        data = sys.stdin.buffer.read() if log == STANDARD_INPUT else Path(log).read_bytes()
    except OSError as error:
        remedy = "name a file, or - for standard input"
        raise UsageError(error.strerror or str(error), where=log, expected="a log", remedy=remedy) from error
    return data.decode("utf-8", "replace")


def _show(output: Output, log: str, diagnosis: Diagnosis) -> None:
    cause = diagnosis.cause
    if cause is None:
        output.line(f"{log}: no failure")
        return
    output.line(f"{log}, line {cause.line_number}: {cause.id}: {cause.meaning}")
    output.line(f"  {cause.line}")
    output.line(f"  to do: {cause.remedy}")
    for line in diagnosis.read:
        output.line(f"  | {line}")
    for finding in diagnosis.cascade:
        output.line(f"  then line {finding.line_number}: {finding.id}: {finding.meaning}")


def _document(log: str, diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "log": log,
        "cause": None if diagnosis.cause is None else asdict(diagnosis.cause),
        "cascade": [asdict(finding) for finding in diagnosis.cascade],
        "read": list(diagnosis.read),
    }
