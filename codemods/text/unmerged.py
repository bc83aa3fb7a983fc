"""Marks that a merge left in a file, and that nobody has resolved: what is between them may be either side's."""

from __future__ import annotations

import re

from codemods.refusal import Refusal

_MARKS = re.compile(r"^<{7}(?: [^\r\n]*)?\r?$(?=[\s\S]*?^={7}\r?$[\s\S]*?^>{7}(?: [^\r\n]*)?\r?$)", re.MULTILINE)
"""A line of seven ``<``, behind it one of seven ``=``, and one of seven ``>``: https://git-scm.com/docs/git-merge."""


def check_merged(text: str, where: str) -> None:
    """Raise `Refusal` if a text has such marks: many kinds of lists could be read with them in between."""
    found = _MARKS.search(text) if "<<<<<<<" in text else None
    if found is not None:
        raise Refusal(
            f"line {text.count(chr(10), 0, found.start()) + 1} is the mark of a merge that is not resolved",
            where=where,
            expected="a file without such marks",
            remedy="resolve the merge first",
        )
