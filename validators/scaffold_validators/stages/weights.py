"""What a log says of weights that were not loaded as they should be: rows of ``weights.yaml``."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scaffold_validators.counted import counted
from scaffold_validators.records import structure

ROWS_FILE = Path(__file__).with_name("weights.yaml")


@dataclass(frozen=True)
class WeightWarning:
    """A kind of warning.

    Attributes:
        id: its name in findings, and for ``--allow``.
        pattern: a regular expression, which a line of the log matches.
        meaning: what it says.
        example: a line that shows it, made up.
        near_miss: a line that looks like it, and is harmless.
        source: where the line comes from.
    """

    id: str
    pattern: str
    meaning: str
    example: str
    near_miss: str
    source: str


@dataclass(frozen=True)
class Warned:
    """A warning that a log has: its kind, how often, and its first line."""

    kind: WeightWarning
    times: int
    line_number: int
    line: str

    def __str__(self) -> str:
        return f"{self.kind.id}: {self.kind.meaning}, {counted(self.times, 'line')}, first {self.line[-200:]}"


@cache
def kinds() -> tuple[WeightWarning, ...]:
    """Return the rows."""
    import yaml

    return structure(yaml.safe_load(ROWS_FILE.read_text(encoding="utf-8")), tuple[WeightWarning, ...], ROWS_FILE.name)


def weight_warnings(log: str, allow: Collection[str] = ()) -> tuple[Warned, ...]:
    """Return each kind of warning that a log has, but for those that were allowed."""
    found: list[Warned] = []
    for kind in kinds():
        if kind.id in allow:
            continue
        pattern = re.compile(kind.pattern)
        lines = [(number, line) for number, line in enumerate(log.splitlines(), 1) if pattern.search(line)]
        if lines:
            found.append(Warned(kind, len(lines), lines[0][0], lines[0][1].strip()))
    return tuple(found)
