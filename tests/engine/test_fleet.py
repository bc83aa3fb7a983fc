"""A fleet on a real Ray cluster of two nodes, with stand-ins for servers: a node's death costs a try, and no result."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.fleet import ENDS, measure, planned

pytestmark = pytest.mark.engine


def test_a_node_killed_in_the_middle_costs_a_try_and_no_result(tmp_path: Path) -> None:
    measured = measure(planned(tmp_path / "place"), kill=True)
    assert {row["model"]: row["said"]["verdicts"][0]["kind"] for row in measured.rows} == ENDS
    assert measured.kept == ENDS
    assert max(row["tries"] for row in measured.rows) == 2
    assert measured.left == ()
