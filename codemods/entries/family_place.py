"""Where a model's page belongs in a list of pages that is grouped by model family, unsorted."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)*")


def family_place(names: Sequence[str], new: str) -> int:
    """Return the index in ``names`` before which ``new`` belongs.

    A name is read as words and numbers: ``Qwen3-VL-8B`` is Qwen, 3, VL, 8, B. The nearest
    relatives are the names that share the most of these from the start, and at least
    the first word (``DeepSeekOCR2`` counts as DeepSeek's). The new name follows the last of the
    longest unbroken run of its nearest relatives; without relatives it goes last.
    """
    closeness = [_shared(_TOKEN.findall(name), _TOKEN.findall(new)) for name in names]
    if not any(closeness):
        return len(names)
    runs = [
        [index for index, _ in group]
        for close, group in groupby(enumerate(closeness), key=lambda pair: pair[1])
        if close == max(closeness)
    ]
    return max(runs, key=len)[-1] + 1


def _shared(one: list[str], other: list[str]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a.casefold() != b.casefold():
            break
        count += 1
    if count == 0 and one and other:
        return int(_is_family(one[0], other[0]) or _is_family(other[0], one[0]))
    return count


def _is_family(family: str, word: str) -> bool:
    """Whether ``word`` is ``family`` with a further capitalised word: DeepSeek, DeepSeekOCR."""
    rest = word[len(family) :]
    return word.casefold().startswith(family.casefold()) and rest[:1].isupper()
