"""Looks through a serve log for known failures, unknown ones, and signs that real weights were loaded."""

from __future__ import annotations

import re

from scaffold_validators.diagnosis.finding import UNKNOWN, Finding
from scaffold_validators.signatures import signatures

_UNKNOWN = re.compile(r"Traceback \(most recent call last\)|^\S*\s*ERROR\b|\] ERROR\b|\bERROR \d\d-\d\d")
_LOADED = re.compile(r"Loading weights took [\d.]+ seconds")


def findings(log: str) -> tuple[Finding, ...]:
    """Return each failure once, in the order of the log. What nobody knows is called unknown."""
    possible = [signature for signature in signatures() if signature.fits(log)]
    found: dict[str, Finding] = {}
    for number, line in enumerate(log.splitlines(), 1):
        known = next((signature for signature in possible if signature.matches(line)), None)
        if known is not None:
            finding = Finding(known.id, number, line.strip()[:500], known.meaning, known.remedy, known.engine_died)
            found.setdefault(known.id, finding)
        elif UNKNOWN not in found and ("ERROR" in line or "Traceback" in line) and _UNKNOWN.search(line):
            meaning, remedy = "a failure that is not in the list", "read the lines that follow"
            found[UNKNOWN] = Finding(UNKNOWN, number, line.strip()[:500], meaning, remedy)
    return tuple(found.values())


def scan(log: str) -> tuple[Finding, ...]:
    """Return what `findings` does, without the unknown failure beside a known one: it is the traceback around it."""
    found = findings(log)
    return found if len(found) == 1 else tuple(finding for finding in found if finding.id != UNKNOWN)


def weights_loaded(log: str) -> str | None:
    """Return the line in which vLLM says that it loaded weights from files, or None."""
    return next((line.strip() for line in log.splitlines() if _LOADED.search(line)), None)
