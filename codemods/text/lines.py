"""Text as lines that keep their ends."""

from __future__ import annotations

import re

_PYTHON_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def python_lines(text: str) -> list[str]:
    """Split source as Python's parser counts lines: at the three ends, and at no form feed or other separator.

    Joined again, the lines are the text. (`str.splitlines` splits at eight more characters.)
    """
    return _PYTHON_LINE.findall(text)


def split_lines(text: str) -> list[str]:
    """Split after line feeds only; joined again, the lines are the text."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def insert_lines(lines: list[str], index: int, new: list[str]) -> str:
    """Insert lines (given without ends) before line ``index``, ended as the file's others are."""
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    before = list(lines[:index])
    if before and not before[-1].endswith("\n"):
        before[-1] += end
    return "".join([*before, *(line + end for line in new), *lines[index:]])
