"""The judge of shards itself: a split that loses, doubles or mixes up entries is found."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from scaffold.weights.ranks import coverage_errors
from scaffold.weights.splits import KvHeads


@dataclass(frozen=True)
class Given:
    """A split whose intervals are as told, one per rank."""

    intervals: tuple[tuple[int, int], ...]

    def interval(self, size: int, tp: int, rank: int) -> tuple[int, int]:
        return self.intervals[rank]


class GivenKvHeads(KvHeads):
    """Two KV heads of four entries, replicated; the last replica holds what it should not."""

    def interval(self, size: int, tp: int, rank: int) -> tuple[int, int]:
        return (0, 4) if rank == tp - 1 else super().interval(size, tp, rank)


def part(split: Any, size: int = 8) -> Any:
    return SimpleNamespace(split=split, size=size)


@pytest.mark.parametrize(
    ("intervals", "error"),
    [
        (((0, 4), (4, 8)), ""),
        (((0, 4), (5, 8)), "entries 4 to 5 are held by no rank"),
        (((0, 4), (3, 8)), "3 is held twice"),
        (((0, 4), (4, 7)), "entries 7 to 8 are held by no rank"),
    ],
)
def test_what_the_ranks_hold_is_judged(intervals, error):
    assert coverage_errors(part(Given(intervals)), len(intervals)) == error


def test_a_replica_that_differs_is_found():
    assert coverage_errors(part(KvHeads(2)), 4) == ""
    assert coverage_errors(part(GivenKvHeads(2)), 4) == "replicas differ"
