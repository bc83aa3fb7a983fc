"""The ways in which a stage can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """How a stage ended."""

    PASSED = "passed"
    STARTUP_FAILED = "startup-failed"
    """The server did not become ready, or not with what it should have loaded."""
    FALSE_READY = "false-ready"
    """It said that it was ready, and died on a request."""
    REQUEST_FAILED = "request-failed"
    """A request was not answered with 200, or left a failure in the log."""
    EMPTY_OUTPUT = "empty-output"
    WRONG_OUTPUT = "wrong-output"
    """It answers fluently, and not what the reference answers."""
    TIMED_OUT = "timed-out"
    ENVIRONMENT = "environment"
    """The machine is at fault, not the model."""
    STOPPED = "stopped"
    """Nothing was started: it is known already that a server would not serve it, or not rightly."""
    NO_REFERENCE = "no-reference"
    """There was nothing to compare with, or not in time: it says nothing of the server, and proves nothing."""

    @property
    def is_failure(self) -> bool:
        """Return whether something is wrong: what was not shown is neither passed nor failed."""
        return self not in (Outcome.PASSED, Outcome.NO_REFERENCE)

    @property
    def word(self) -> str:
        """Return the word of documents of schema 1: ``passed``, ``false-ready``, ``no-reference`` or ``failed``."""
        own = (Outcome.PASSED, Outcome.FALSE_READY, Outcome.NO_REFERENCE)
        return self.value if self in own else "failed"


@dataclass(frozen=True)
class Conclusion:
    """How a stage ended, and why, as a sentence.

    Attributes:
        cause: the root cause: the line, or exception, that came first; empty where the log is not asked for it.
        signature: the row that names it, ``unknown`` where none does.
        next_step: what to do.
    """

    outcome: Outcome
    reason: str
    cause: str = ""
    signature: str = ""
    next_step: str = ""
