"""What a log says of a failure: its first cause, what followed from it, and where to read on if nobody knows it."""

from __future__ import annotations

from dataclasses import dataclass

from scaffold_validators.log_scan import UNKNOWN, Finding, findings

LINES_TO_READ = 12


@dataclass(frozen=True)
class Diagnosis:
    """What was found in one log.

    Attributes:
        cause: the first failure that does not only tell of another one; None where the log has no failure.
        cascade: the failures after it.
        read: where the cause is not known, the lines from its first on.
    """

    cause: Finding | None
    cascade: tuple[Finding, ...] = ()
    read: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Return whether a row of the signatures names the cause."""
        return self.cause is not None and self.cause.id != UNKNOWN


def diagnose(log: str) -> Diagnosis:
    """Return what a log says of a failure.

    A known cause stands for the traceback around it; that an engine has died never stands for the reason why.
    """
    found = findings(log)
    causes = [finding for finding in found if not finding.engine_died]
    cause = next((finding for finding in causes if finding.id != UNKNOWN), next(iter(causes), None))
    if cause is None:
        return Diagnosis(next(iter(found), None), found[1:])
    cascade = tuple(finding for finding in found if finding is not cause and finding.id != UNKNOWN)
    if cause.id != UNKNOWN:
        return Diagnosis(cause, cascade)
    start = cause.line_number - 1
    return Diagnosis(cause, cascade, tuple(log.splitlines()[start : start + LINES_TO_READ]))
