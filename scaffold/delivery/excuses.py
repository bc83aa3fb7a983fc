"""What a delivery goes without, and why: in the words of who signs it, in every document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Excuses:
    """Reasons, each in one line; empty where nothing has to be excused.

    Attributes:
        without_parity: why parity with the reference was not shown.
        accuracy_pending: why there are no figures of an evaluation yet.
        without: of the other points of the quality gate that may have one: id → reason.
    """

    without_parity: str = ""
    accuracy_pending: str = ""
    without: Mapping[str, str] = field(default_factory=dict)

    def reason(self, point: str) -> str:
        """Return the reason that was given for a point of the quality gate; empty without one."""
        own = {"parity": self.without_parity, "accuracy": self.accuracy_pending}
        return own.get(point, "") or self.without.get(point, "")

    def lines(self) -> tuple[str, ...]:
        """Return a sentence for each, as the commit message has it."""
        found = []
        if self.without_parity:
            found.append(f"Parity with the reference was not shown: {self.without_parity}")
        if self.accuracy_pending:
            found.append(f"No accuracy has been measured: {self.accuracy_pending}")
        found += [f"Not shown, {point}: {why}" for point, why in sorted(self.without.items()) if why]
        return tuple(found)


NO_EXCUSE = Excuses()
