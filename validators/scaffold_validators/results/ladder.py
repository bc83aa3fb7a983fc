"""A step of the ladder, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from scaffold_validators.outcome import Outcome


@dataclass(frozen=True)
class LadderStep:
    """One start.

    Attributes:
        name: of the step, a row of `STEPS`.
        changed: options and variables that were changed, all together.
        outcome: how it ended.
        cause: its root cause; empty where it passed.
        signature: the row that names the cause.
        log: of its server.
    """

    name: str
    changed: str
    outcome: Outcome
    cause: str
    signature: str
    log: str
