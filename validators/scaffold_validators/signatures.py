"""Failure signatures of serve logs: the rows of ``signatures.yaml``, and which of them a log shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scaffold_validators.records import structure

SIGNATURES_FILE = Path(__file__).with_name("signatures.yaml")


@dataclass(frozen=True)
class Signature:
    """A known failure.

    Attributes:
        id: its name in findings.
        patterns: regular expressions, one of which a line of the log has to match; those that begin with plain text are
            looked for fastest.
        meaning: what it is.
        remedy: what to do.
        example: a line that shows it, made up.
        also: patterns each of which some line of the log has to match.
        unless: patterns that no line may match.
        around: lines of the example's log, for ``also``.
        near_miss: a line that looks like it, and is something else.
        engine_died: whether it says only that the engine has died, of something that the log says before.
    """

    id: str
    patterns: tuple[str, ...]
    meaning: str
    remedy: str
    example: str
    also: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    near_miss: str = ""
    engine_died: bool = False

    def matches(self, text: str) -> bool:
        """Return whether a line shows it, or any line of a log."""
        return any(re.search(pattern, text) for pattern in self.patterns)

    def fits(self, log: str) -> bool:
        """Return whether a log could be of this failure: a line shows it, and the others let it be this."""
        return (
            self.matches(log)
            and all(re.search(pattern, log) for pattern in self.also)
            and not any(re.search(pattern, log) for pattern in self.unless)
        )


@lru_cache(maxsize=1)
def signatures() -> tuple[Signature, ...]:
    """Return all known failures; of several that a line shows, the first in the file is meant."""
    import yaml

    rows = yaml.safe_load(SIGNATURES_FILE.read_text(encoding="utf-8"))
    return structure(rows, tuple[Signature, ...], SIGNATURES_FILE.name)
