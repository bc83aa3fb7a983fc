"""Logs in the form of those from the field are named as what they are, and as nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scaffold.common.tables import read_table
from scaffold_validators.diagnosis import diagnose
from tests.rows import each

Case = dict[str, Any]


def cases(name: str) -> list[Case]:
    """Return the logs of a file beside this one."""
    read: list[Case] = read_table(Path(__file__).with_name(name))
    return read


def by_what(case: Case) -> str:
    """Return what a log is of."""
    return str(case["what"])


@each("case", cases("field.yaml"), ids=by_what)
def test_a_log_from_the_field_is_named(case: Case) -> None:
    cause = diagnose(case["log"]).cause
    if not case["is"]:
        assert cause is None
        return
    assert cause is not None
    assert cause.id == case["is"]
    assert cause.kind == case.get("kind", cause.kind)
    assert case.get("says", "") in cause.message
    for word in case.get("not", ()):
        assert word != cause.id
        assert word not in cause.meaning


@each("case", cases("posted.yaml"), ids=by_what)
def test_a_log_that_was_posted_is_named_with_the_line_of_its_cause(case: Case) -> None:
    cause = diagnose(case["log"]).cause
    assert cause is not None
    assert cause.id == case["is"]
    assert case["line"] in cause.line


@each("case", cases("healthy.yaml"), ids=by_what)
def test_a_healthy_log_accuses_nobody(case: Case) -> None:
    assert diagnose(case["log"]).cause is None
