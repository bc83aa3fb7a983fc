"""Lines of a text with their offsets, for kinds of lists that are no Python."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def placed_lines(text: str) -> list[tuple[int, str]]:
    """Return each line, its end included, with the offset at which it starts."""
    return [(match.start(), match[0]) for match in _LINE.finditer(text)]


def end_of_lines(text: str) -> str:
    """Return how the lines of a text end, as its first one does."""
    match = re.search(r"\r\n|\r|\n", text)
    return match[0] if match else "\n"
