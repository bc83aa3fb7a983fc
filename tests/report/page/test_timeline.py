"""Runs of gates as lanes of bars."""

from __future__ import annotations

from typing import Any

import pytest

from scaffold.report.page.timeline import timeline
from scaffold.report.value import Run
from tests.verdicts import make_verdict


def runs(*verdicts: tuple[str, str, dict[str, float]]) -> tuple[Run, ...]:
    made: list[Any] = [make_verdict(stage, log=log, seconds=seconds) for stage, log, seconds in verdicts]
    return tuple(Run(number, verdict, True) for number, verdict in enumerate(made, 1))


def test_stages_on_one_server_follow_each_other() -> None:
    found = timeline(runs(("real", "r.log", {"ready": 20.0, "requests": 2.0}), ("parity", "r.log", {"parity": 5.0})))
    ((real, parity),) = [lane.bars for lane in found.lanes]
    assert (real.start, real.seconds) == (0, 22.0)
    assert real.offsets == (("ready", 0.0, 20.0), ("requests", 20.0, 2.0))
    assert (parity.start, parity.seconds) == (22.0, 5.0)
    assert (found.seconds, found.percent(13.5)) == (27.0, 50.0)


def test_another_log_is_another_server_and_so_is_the_same_after_it() -> None:
    found = timeline(runs(("dummy", "a.log", {"ready": 3.0}), ("real", "b.log", {"ready": 9.0}), ("real", "a.log", {})))
    assert [[bar.start for bar in lane.bars] for lane in found.lanes] == [[0], [0], [0]]


def test_what_was_done_without_a_server_is_a_lane_each() -> None:
    found = timeline(runs(("static", "", {"static": 1.5}), ("twin", "", {"twin": 30.0})))
    assert [lane.seconds for lane in found.lanes] == [1.5, 30.0]


@pytest.mark.parametrize(
    ("longest", "ticks"),
    [
        (0.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (27.0, [0, 5, 10, 15, 20, 25]),
        (263.0, [0, 50, 100, 150, 200, 250]),
        (7200.0, [0, 2000, 4000, 6000]),
    ],
)
def test_ticks_are_round(longest: float, ticks: list[float]) -> None:
    assert list(timeline(runs(("real", "", {"ready": longest}))).ticks) == ticks


def test_no_runs_have_a_scale_all_the_same() -> None:
    assert (timeline(()).lanes, timeline(()).seconds) == ((), 1.0)
