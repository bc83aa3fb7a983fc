"""``scaffold diagnose``: what logs of one run say of a failure, and what to do."""

from __future__ import annotations

import io
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from scaffold.cli.output import Output, reporting
from scaffold.common.errors import UsageError
from scaffold_validators.diagnosis import UNKNOWN, Diagnosis, Finding, diagnose_logs
from scaffold_validators.diagnosis.files import Log, logs_of, text_of
from scaffold_validators.diagnosis.signatures import signatures

STANDARD_INPUT = "-"
CASCADE_LINES = 8


@click.command("diagnose")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option("--allow", metavar="ID", multiple=True, help="A signature that is no failure here. Repeatable.")
@click.option("--each", is_flag=True, help="Treat each LOG as a run of its own, not as part of one run.")
@reporting
def command(output: Output, logs: tuple[str, ...], allow: tuple[str, ...], each: bool) -> int:
    """Name the cause of a failure in the LOGs of one run, and say what to do.

    A LOG is a file, a folder of logs (such as CANN's plog, ascend/log/debug/plog), or - for standard input. Several are
    merged by time. Exit code 1 means that there is a failure.
    """
    _check(allow)
    runs = [(log, [log]) for log in logs] if each or len(logs) == 1 else [(f"{len(logs)} logs", list(logs))]
    found = {name: _diagnosed(parts, allow) for name, parts in runs}
    for name, diagnosis in found.items():
        _show(output, name, diagnosis)
    output.document({"logs": [_document(name, diagnosis) for name, diagnosis in found.items()], "allow": list(allow)})
    return 1 if any(diagnosis.cause is not None for diagnosis in found.values()) else 0


def _check(allow: tuple[str, ...]) -> None:
    known = {row.id for row in signatures()} | {UNKNOWN}
    for id_ in allow:
        if id_ not in known:
            raise UsageError(id_, where="--allow", expected="the id of a signature", remedy="see docs/signatures.md")


def _diagnosed(logs: list[str], allow: tuple[str, ...]) -> Diagnosis:
    """Return what the logs of one run say.

    Raises:
        UsageError: one of them is nothing that can be read.
    """
    try:
        return diagnose_logs([part for log in logs for part in _logs(log)], allow=allow)
    except OSError as error:
        remedy = "name a file, a folder of logs, or - for standard input"
        where = str(error.filename or ", ".join(logs))
        raise UsageError(error.strerror or str(error), where=where, expected="a log", remedy=remedy) from error


def _logs(log: str) -> list[Log]:
    """Return the logs that a word of the command line names."""
    return [_standard_input()] if log == STANDARD_INPUT else list(logs_of(Path(log)))


def _standard_input() -> Log:
    """Return what comes in.

    Raises:
        UsageError: nothing does, as where a program writes its log to standard error: that says nothing of a server.
    """
    given: Any = sys.stdin.buffer
    coming: io.BufferedReader[Any] = given if isinstance(given, io.BufferedReader) else io.BufferedReader(given)
    if not coming.peek(1):
        remedy = "the log may go to standard error: docker logs NAME 2>&1 | scaffold diagnose -"
        raise UsageError("nothing came in", where=STANDARD_INPUT, expected="a log", remedy=remedy)
    return Log("standard input", text_of(coming, "standard input"))


def _show(output: Output, name: str, diagnosis: Diagnosis) -> None:
    cause = diagnosis.cause
    if cause is None:
        output.line(f"{name}: no failure")
        _list(output, "said, and lived on,", diagnosis.survived)
        return
    output.line(f"{cause.place}: {cause.id} ({cause.kind}): {cause.meaning}")
    output.line(f"  {cause.line}")
    for what, value in (("process", cause.process), ("exception", cause.exception), ("at", cause.frame)):
        if value:
            output.line(f"  {what}: {value}")
    output.line(f"  to do: {cause.remedy}")
    for line in diagnosis.read:
        output.line(f"  | {line}")
    _list(output, "then", diagnosis.cascade)
    _list(output, "before, survived", diagnosis.survived)


def _list(output: Output, word: str, findings: tuple[Finding, ...]) -> None:
    for finding in findings[:CASCADE_LINES]:
        what = finding.line[:120] if finding.id == UNKNOWN else finding.meaning
        output.line(f"  {word} {finding.place}: {finding.id}: {what}")
    if len(findings) > CASCADE_LINES:
        output.line(f"  {word} {len(findings) - CASCADE_LINES} more (--json has them)")


def _document(name: str, diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "log": name,
        "cause": None if diagnosis.cause is None else asdict(diagnosis.cause),
        "cascade": [asdict(finding) for finding in diagnosis.cascade],
        "survived": [asdict(finding) for finding in diagnosis.survived],
        "read": list(diagnosis.read),
        "harmless": list(diagnosis.harmless),
    }
