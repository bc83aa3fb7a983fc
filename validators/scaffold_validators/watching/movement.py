"""Whether a server still does something: its log grows, or it uses the CPU. Graph capture may be silent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

CPU_SECONDS = 1.0
"""Between two looks at the CPU time of all that the server started, which is read process by process."""


class Movement:
    """When a server last did something.

    Args:
        lines: how many lines its log has.
        cpu_seconds: how much CPU time all its processes have used.
    """

    def __init__(self, lines: Callable[[], int], cpu_seconds: Callable[[], float]) -> None:
        self._lines, self._cpu_seconds = lines, cpu_seconds
        self._moved = time.monotonic()
        self._looked = -math.inf
        self._seen = (-1, -1)

    def still_for(self) -> float:
        """Return for how many seconds neither has moved."""
        now = time.monotonic()
        lines, cpu = self._lines(), self._seen[1]
        if now - self._looked >= CPU_SECONDS:
            self._looked, cpu = now, round(self._cpu_seconds())
        if (lines, cpu) != self._seen:
            self._seen, self._moved = (lines, cpu), now
        return now - self._moved
