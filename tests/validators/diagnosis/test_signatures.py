"""Failure signatures: every row by its own example and near miss, beside all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.common.tables import read_table
from scaffold_validators.diagnosis import diagnose
from scaffold_validators.diagnosis.failures import MARKS
from scaffold_validators.diagnosis.lines import parse_line
from scaffold_validators.diagnosis.signatures import Kind, Signature, checked, matches, signatures
from tests.rows import each

SPECIAL = [row for row in signatures() if row.kind not in (Kind.HARMLESS, Kind.FOLLOWS)]
HARMLESS = [row for row in signatures() if row.kind is Kind.HARMLESS]
FOLLOWS = [row for row in signatures() if row.kind is Kind.FOLLOWS]
NEAR = [row for row in signatures() if row.near_miss]
CODES = [(id_, code) for id_, codes in read_table(Path(__file__).with_name("codes.yaml")).items() for code in codes]
CALLS = (
    "RuntimeError: set:../torch_npu/csrc/Nova.cpp:90 NPU function error: aclrtNova(nova), error code is {}",
    "[ERROR] ASCENDCL(9,python3):2026-06-22-11:12:13.112.000 [nova.cpp:200]9 aclrtNova: nova failed, result = {}",
)
"""How torch_npu and CANN's log write what a function of CANN returned."""


def _named(row: Signature) -> str:
    return row.id


@each("row", SPECIAL, ids=_named)
def test_an_example_is_the_cause_in_a_log(row: Signature) -> None:
    found = diagnose(f"INFO starting\n{row.example}\nINFO ending\n")
    assert found.cause is not None
    assert (found.cause.id, found.cause.kind) == (row.id, row.kind.value)
    assert found.cause.line.strip() in row.example


@each("row", SPECIAL, ids=_named)
def test_no_other_row_is_meant_by_an_example(row: Signature) -> None:
    """Where several rows match, `before` and `general` say which one is meant: never their place in a file."""
    assert {match.signature.id for match in matches([parse_line(line).text for line in row.example.splitlines()])} == {
        row.id
    }


@each("row", NEAR, ids=_named)
def test_a_near_miss_is_something_else(row: Signature) -> None:
    assert row.id not in [finding.id for finding in diagnose(row.near_miss).findings]


@each("id_,code", CODES)
def test_what_a_function_of_cann_returns_is_named(id_: str, code: int) -> None:
    for call in CALLS:
        cause = diagnose(call.format(code)).cause
        assert cause is not None
        assert cause.id == id_


def test_a_family_is_not_shown_by_what_healthy_servers_say_too() -> None:
    harmless = "[ERROR] DRV(7,python3):2026-01-01-10:00:00.111.222 [drv][dms 9]Not support. (ret=65534; dev_id=0)\n"
    failed = "[ERROR] DRV(7,python3):2026-01-01-10:00:00.111.300 [drv][dms 9]Nova failed. (ret=8; dev_id=0)\n"
    assert diagnose(harmless).cause is None
    cause = diagnose(harmless + failed).cause
    assert cause is not None
    assert (cause.id, cause.line_number) == ("inner-error", 2)


@each("row", HARMLESS, ids=_named)
def test_a_harmless_line_accuses_nobody(row: Signature) -> None:
    assert diagnose(f"INFO starting\n{row.example}\n").findings == ()


@each("row", FOLLOWS, ids=_named)
def test_what_follows_is_said_only_where_there_is_nothing_else(row: Signature) -> None:
    alone = diagnose(row.example)
    assert alone.cause is not None
    assert (alone.cause.id, alone.cause.engine_died) == (row.id, True)
    after = diagnose(f"(Worker pid=1) ValueError: odd\n(APIServer pid=2) {row.example}\n")
    assert after.cause is not None
    assert (after.cause.id, after.cause.message) == ("unknown", "odd")
    assert [finding.id for finding in after.cascade] == [row.id]


@each("row", signatures(), ids=_named)
def test_lines_are_found_by_their_marks(row: Signature) -> None:
    """Lines without a mark are not even parsed: a new row may need a new mark."""
    if row.kind is Kind.HARMLESS:
        return
    assert any(mark in line for line in row.example.splitlines() for mark in MARKS)


@each("row", signatures(), ids=_named)
def test_a_row_says_what_it_is_and_what_to_do(row: Signature) -> None:
    assert row.meaning
    assert row.remedy
    assert row.source
    assert row.example


def test_rows_that_do_not_fit_are_named() -> None:
    first = signatures()[0]
    with pytest.raises(ValueError, match=f"the id {first.id} is there twice"):
        checked([first, first])
