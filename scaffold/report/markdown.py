"""Markdown of values that others wrote: none of them can end a table, a code span or a line, or mention anybody."""

from __future__ import annotations

import re

from scaffold.checkpoint.text import printable

LONGEST = 600
"""Characters of one value in a line; logs and records have the rest."""
EMPTY = "–"


def code(text: object) -> str:
    """Return a value as a code span of one line, an empty one as a dash."""
    line = clipped(" ".join(printable(str(text).replace("\n", " ").replace("\t", " ")).split()))
    if not line:
        return EMPTY
    ticks = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if "`" in (line[0], line[-1]) else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def cell(text: object) -> str:
    """Return a value as a code span in a table, where a bar would end the cell."""
    return code(text).replace("|", "\\|")


def fence(text: str, language: str = "text") -> str:
    """Return a text of several lines as a block of code that it cannot end."""
    lines = [printable(line) for line in text.replace("\r", "").replace("\t", "    ").rstrip("\n").split("\n")]
    longest = max((len(run) for line in lines for run in re.findall("`{3,}", line)), default=2)
    ticks = "`" * max(3, longest + 1)
    return "\n".join([f"{ticks}{language}", *lines, ticks])


def clipped(text: str, most: int = LONGEST) -> str:
    """Return a text, cut where it is longer."""
    return text if len(text) <= most else text[: most - 1] + "…"
