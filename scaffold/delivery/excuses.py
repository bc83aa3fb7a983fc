"""What a delivery goes without, and why: in the words of who signs it, in every document."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Excuses:
    """Reasons, each in one line; empty where nothing has to be excused.

    Attributes:
        without_parity: why parity with the reference was not shown.
        accuracy_pending: why there are no figures of an evaluation yet.
    """

    without_parity: str = ""
    accuracy_pending: str = ""

    def lines(self) -> tuple[str, ...]:
        """Return a sentence for each, as the commit message has it."""
        found = []
        if self.without_parity:
            found.append(f"Parity with the reference was not shown: {self.without_parity}")
        if self.accuracy_pending:
            found.append(f"No accuracy has been measured: {self.accuracy_pending}")
        return tuple(found)


NO_EXCUSE = Excuses()
