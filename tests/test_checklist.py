"""The table of the checklist is whole: each row has a command that the tool takes and a test that is there."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import NamedTuple

from scaffold.cli.main import COMMANDS
from tests.cli.calls import check_call
from tests.rows import each
from tests.test_docs import defined

ROOT = Path(__file__).parents[1]
POINTS = 77
STATES = ("has", "CPU", "not yet")
BY_COMMAND = {"report": (12, 63, 64, 66)}
"""Points that are shown by a command alone: where it is there, they are done."""


class Row(NamedTuple):
    """A row of the table."""

    number: int
    point: str
    shown_by: str
    state: str
    held_by: str


def rows() -> list[Row]:
    """Return the rows of all tables of the page."""
    lines = re.findall(
        r"^\| (\d+) \| (.*) \| (.*) \| (.*) \| (.*) \|$", (ROOT / "docs/checklist.md").read_text("utf-8"), re.M
    )
    return [Row(int(number), *rest) for number, *rest in lines]


@cache
def defined_in(path: str) -> frozenset[str]:
    """Return what a test file defines."""
    return frozenset(defined(ROOT / path))


def test_every_point_has_its_row() -> None:
    assert [row.number for row in rows()] == list(range(1, POINTS + 1))


@each("row", rows(), ids=lambda row: str(row.number))
def test_a_row_is_complete_and_true(row: Row) -> None:
    state = next(state for state in STATES if row.state == state or row.state.startswith(f"{state}: "))
    calls = re.findall(r"`(scaffold [^`]+)`", row.shown_by)
    held = re.findall(r"`(tests/[\w/.]+)::(test_\w+)`", row.held_by)
    if state != "not yet":
        assert calls, "which command shows it?"
        assert held, "which test holds it?"
    for call in calls:
        check_call(shlex.split(call))
    for path, name in held:
        assert name in defined_in(path), f"{path} has no {name}"


def test_a_point_that_a_command_shows_is_not_said_to_be_missing() -> None:
    for command, points in BY_COMMAND.items():
        missing = [row.number for row in rows() if row.number in points and row.state.startswith("not yet")]
        assert command not in COMMANDS or not missing, (
            f"scaffold {command} is there: correct these rows of docs/checklist.md"
        )
