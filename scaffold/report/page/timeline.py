"""The runs of gates as bars: a lane for each server, its stages from the moment at which it was started.

A record says how long each thing took, not at what time of the day: within a server stages follow each other, and so
their starts are known; between two servers nothing is known but the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scaffold.report.value import Run

STEPS = (1, 2, 5)
"""Ticks of an axis are one of these, times a power of ten."""
TICKS = 6


@dataclass(frozen=True)
class Bar:
    """One stage on one server.

    Attributes:
        start: seconds since the server was started.
        seconds: how long it took; 0 where the record does not say.
        parts: what it consisted of, such as ``ready`` and ``requests``, each with its seconds.
    """

    run: Run
    start: float
    seconds: float
    parts: tuple[tuple[str, float], ...]

    @property
    def offsets(self) -> tuple[tuple[str, float, float], ...]:
        """Return name, start and length of each part, in seconds since the server was started."""
        found, at = [], self.start
        for name, seconds in self.parts:
            found.append((name, at, seconds))
            at += seconds
        return tuple(found)


@dataclass(frozen=True)
class Lane:
    """One server, or one thing that was done without one."""

    bars: tuple[Bar, ...]

    @property
    def seconds(self) -> float:
        """Return how long it ran."""
        return sum(bar.seconds for bar in self.bars)


@dataclass(frozen=True)
class Timeline:
    """All lanes, the oldest first, on one scale."""

    lanes: tuple[Lane, ...]

    @property
    def seconds(self) -> float:
        """Return the length of the scale: that of the longest lane, and never 0."""
        return max((lane.seconds for lane in self.lanes), default=0.0) or 1.0

    @property
    def ticks(self) -> tuple[float, ...]:
        """Return the marks of the scale, in seconds, 0 among them."""
        step = next(
            size for power in range(-2, 12) for size in (n * 10.0**power for n in STEPS) if self.seconds / size <= TICKS
        )
        return tuple(round(step * number, 3) for number in range(int(self.seconds / step) + 1))

    def percent(self, seconds: float) -> float:
        """Return a moment or a length as a share of the scale."""
        return round(100 * seconds / self.seconds, 3)


def timeline(history: Sequence[Run]) -> Timeline:
    """Return the runs of a model, the oldest first, as lanes: those that follow each other and share a log are one."""
    lanes: list[list[Bar]] = []
    for run in history:
        parts = tuple((name, max(0.0, seconds)) for name, seconds in run.verdict.seconds.items())
        shares = lanes and run.verdict.log and lanes[-1][-1].run.verdict.log == run.verdict.log
        if not shares:
            lanes.append([])
        start = sum(bar.seconds for bar in lanes[-1])
        lanes[-1].append(Bar(run, start, sum(seconds for _, seconds in parts), parts))
    return Timeline(tuple(Lane(tuple(bars)) for bars in lanes))
