"""Layers that lie in one list with other modules, and the names of what is in it."""

from __future__ import annotations

from dataclasses import dataclass

BEFORE, BEHIND = "before_", "behind_"
"""How what lies before and behind the layers is named apart from them."""


@dataclass(frozen=True)
class Listed:
    """A list that holds the layers among other modules, such as the embedding before and the head behind them.

    Attributes:
        path: of the list.
        first: the number of the first layer in it.
        count: of layers.
    """

    path: str
    first: int
    count: int

    def renamed(self, name: str) -> str:
        """Return a name in the list as it would be if the layers were in one of their own, counted from 0."""
        place, _, rest = name.removeprefix(f"{self.path}.").partition(".")
        if not name.startswith(f"{self.path}.") or not place.isdigit():
            return name
        number = int(place) - self.first
        parent, _, last = self.path.rpartition(".")
        if number < 0:
            new = f"{BEFORE}{place}"
        else:
            new = f"{BEHIND}{number - self.count}" if number >= self.count else f"{last}.{number}"
        return ".".join(part for part in (parent, new, rest) if part)
