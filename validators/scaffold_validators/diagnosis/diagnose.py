"""What logs say of a failure: its first cause, what followed from it, and where to read on if nobody knows it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from scaffold_validators.diagnosis.finding import UNKNOWN, Diagnosis
from scaffold_validators.log_scan import findings

LINES_TO_READ = 12


def diagnose(log: str | Iterable[str], *, allow: Collection[str] = ()) -> Diagnosis:
    """Return what one log says of a failure.

    Args:
        log: its text, or its lines.
        allow: ids of signatures that are no failure here.
    """
    text = log if isinstance(log, str) else "\n".join(line.rstrip("\n") for line in log)
    found = tuple(finding for finding in findings(text) if finding.id not in allow)
    causes = [finding for finding in found if not finding.engine_died]
    cause = next((finding for finding in causes if finding.id != UNKNOWN), next(iter(causes), None))
    if cause is None:
        return Diagnosis(next(iter(found), None), found[1:])
    cascade = tuple(finding for finding in found if finding is not cause and finding.id != UNKNOWN)
    if cause.id != UNKNOWN:
        return Diagnosis(cause, cascade)
    start = cause.line_number - 1
    return Diagnosis(cause, cascade, read=tuple(text.splitlines()[start : start + LINES_TO_READ]))


def diagnose_files(paths: Sequence[Path], *, allow: Collection[str] = ()) -> Diagnosis:
    """Return what the logs of one run say of a failure: files, and folders with ``plog-*.log`` or ``*.log``.

    Raises:
        OSError: one of them cannot be read.
    """
    return diagnose("\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths), allow=allow)
