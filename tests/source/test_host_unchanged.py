"""After any run of modeling source the process's own modules are what they were: hostile and made-up source alike."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawn import examples
from tests.fuzz.source import host
from tests.fuzz.source.mutate import mutate
from tests.fuzz.source.seeds import HOSTILE, SMALL, seeds
from tests.fuzz.source.target import Desk, clean, desk, judge
from tests.sampled import sampled

SEEDS = tuple(seeds())


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = desk(tmp_path_factory.mktemp("desk"))
    judge(made, SMALL.encode())  # imports what a run needs
    return made


@examples(6)
@given(number=st.integers(0, len(SEEDS) - 1), random=st.randoms(use_true_random=False))
def test_mutated_source_changes_nothing_and_ends_cleanly(number: int, random: Random, at: Desk) -> None:
    assert judge(at, mutate(SEEDS[number], SEEDS, random).encode("utf-8", "replace")) in clean()


@pytest.mark.parametrize("expression", sampled(HOSTILE, every=3))
def test_a_hostile_expression_changes_nothing_and_ends_cleanly(expression: str, at: Desk) -> None:
    for place in ("x = x + layer(x) * math.sqrt(2)", "super().__init__()"):
        assert SMALL.count(place) == 1
        indent = next(line for line in SMALL.split("\n") if place in line).partition(place)[0]
        assert judge(at, SMALL.replace(place, f"{place}\n{indent}{expression}").encode()) in clean()


def test_a_change_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = host.picture()
    assert host.changed(before) == []
    monkeypatch.setattr(math, "isnan", bool)
    monkeypatch.setattr(math, "more", 1, raising=False)
    assert host.changed(before) == ["module math.isnan", "module math.more"]
