"""Looks through a serve log for known failures, unknown ones, and signs that real weights were loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scaffold_validators.records import structure

SIGNATURES_FILE = Path(__file__).with_name("signatures.yaml")
UNKNOWN = "unknown"
_UNKNOWN = re.compile(r"Traceback \(most recent call last\)|^\S*\s*ERROR\b|\] ERROR\b|\bERROR \d\d-\d\d")
_LOADED = re.compile(r"Loading weights took [\d.]+ seconds")


@dataclass(frozen=True)
class Signature:
    """A known failure: a row of ``signatures.yaml``."""

    id: str
    patterns: tuple[str, ...]
    meaning: str
    remedy: str
    example: str
    engine_died: bool = False
    """Whether it says only that the engine has died, of something that stands above."""

    def matches(self, line: str) -> bool:
        """Return whether a log line shows it."""
        return any(re.search(pattern, line, re.IGNORECASE) for pattern in self.patterns)


@dataclass(frozen=True)
class Finding:
    """A failure in a log: its first line, and what is known of it."""

    id: str
    line_number: int
    line: str
    meaning: str
    remedy: str
    engine_died: bool = False


@lru_cache(maxsize=1)
def signatures() -> tuple[Signature, ...]:
    """Return all known failures."""
    import yaml

    rows = yaml.safe_load(SIGNATURES_FILE.read_text(encoding="utf-8"))
    return structure(rows, tuple[Signature, ...], SIGNATURES_FILE.name)


def scan(log: str) -> tuple[Finding, ...]:
    """Return each failure once, in the order of the log. What nobody knows is called unknown."""
    found: dict[str, Finding] = {}
    for number, line in enumerate(log.splitlines(), 1):
        known = next((s for s in signatures() if s.matches(line)), None)
        if known is not None:
            finding = Finding(known.id, number, line.strip()[:500], known.meaning, known.remedy, known.engine_died)
            found.setdefault(known.id, finding)
        elif _UNKNOWN.search(line) and UNKNOWN not in found:
            meaning, remedy = "a failure that is not in the list", "read the lines that follow"
            found[UNKNOWN] = Finding(UNKNOWN, number, line.strip()[:500], meaning, remedy)
    if len(found) > 1:
        found.pop(UNKNOWN, None)  # the traceback around a known failure
    return tuple(sorted(found.values(), key=lambda f: f.line_number))


def weights_loaded(log: str) -> str | None:
    """Return the line in which vLLM says that it loaded weights from files, or None."""
    return next((line.strip() for line in log.splitlines() if _LOADED.search(line)), None)
