"""Looks through a serve log for failures, and for signs that real weights were loaded."""

from __future__ import annotations

import re

from scaffold_validators.diagnosis import Finding, diagnose

__all__ = ["Finding", "scan", "weights_loaded"]

_LOADED = re.compile(r"Loading weights took [\d.]+ seconds")


def scan(log: str) -> tuple[Finding, ...]:
    """Return each failure once, the cause first; empty for a healthy server. See `diagnose` for more."""
    return diagnose(log).findings


def weights_loaded(log: str) -> str | None:
    """Return the line in which vLLM says that it loaded weights from files, or None."""
    return next((line.strip() for line in log.splitlines() if _LOADED.search(line)), None)
