"""Where a new entry belongs in a list that people keep sorted, mostly."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def sorted_place(keys: Sequence[str], new: str) -> int:
    """Return the index in ``keys`` before which ``new`` belongs (``len(keys)``: at the end).

    Lists that people keep sorted have entries out of order, and one of them must not draw the new
    entry away from its place. So mostly the *backbone* counts: the longest non-decreasing
    subsequence.

    - The new entry goes between the greatest backbone key that is not greater than it and the
      next one. Where strays stand between these two, it stands beside the one of the two with
      which it shares the longer beginning.
    - A stray that is the whole beginning of the new key (``solar`` of ``solaropen``), and more of
      it than either neighbour shares, is family: the new entry follows it.
    - A list whose backbone is less than half of it is not kept sorted: the new entry goes last.
    """
    backbone = _longest_sorted(keys)
    if 2 * len(backbone) < len(keys):
        return len(keys)
    place = bisect_right([keys[index] for index in backbone], new)
    left = backbone[place - 1] if place else None
    right = backbone[place] if place < len(backbone) else None
    shared_left, shared_right = (0 if index is None else _shared(keys[index], new) for index in (left, right))
    family = [
        index
        for index in set(range(len(keys))) - set(backbone)
        if new.startswith(keys[index]) and len(keys[index]) > max(shared_left, shared_right)
    ]
    if family:
        return max(family, key=lambda index: (len(keys[index]), index)) + 1
    if left is None or (right is not None and shared_right > shared_left):
        return len(keys) if right is None else right
    return left + 1


def _longest_sorted(keys: Sequence[str]) -> list[int]:
    """Return the indices of the longest non-decreasing subsequence (patience sorting)."""
    tails: list[int] = []
    previous: list[int | None] = []
    for index, key in enumerate(keys):
        place = bisect_right([keys[tail] for tail in tails], key)
        previous.append(tails[place - 1] if place else None)
        tails[place : place + 1] = [index]
    chain: list[int] = []
    index_or_none = tails[-1] if tails else None
    while index_or_none is not None:
        chain.append(index_or_none)
        index_or_none = previous[index_or_none]
    return chain[::-1]


def _shared(one: str, other: str) -> int:
    """Count the characters at the beginning that two keys have in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
