"""A table of rows as one test: all rows run, and those that fail are named."""

from __future__ import annotations

import pytest

from tests.rows import each


@pytest.fixture
def seen() -> list[int]:
    return []


@each("row", ["a", "b"])
def test_fixtures_are_given_to_each_row(row: str, seen: list[int], tmp_path: object) -> None:
    assert len(seen) == "ab".index(row)
    seen.append(1)


def test_tables_go_one_over_another() -> None:
    seen = []

    @each(("low", "high"), [(1, 2), pytest.param(2, 3, id="two and three")])
    @each("by", [1, 10])
    def higher(low: int, high: int, by: int) -> None:
        assert low < high
        seen.append(low * by)

    higher()
    assert seen == [1, 10, 2, 20]


def test_a_table_without_rows_tests_nothing() -> None:
    with pytest.raises(ValueError, match="a table of row without rows"):
        each("row", [])


def test_each_row_that_fails_is_named_with_its_assertion_and_the_others_run() -> None:
    ran = []

    @each("value", [1, pytest.param(2, id="two"), 3, 4], ids=lambda value: f"number {value}")
    def one_or_four(value: int) -> None:
        ran.append(value)
        assert value in (1, 4)

    with pytest.raises(AssertionError) as raised:
        one_or_four()
    assert ran == [1, 2, 3, 4]
    first, two, three = (line for line in str(raised.value).splitlines() if "rows" in line or "Error" in line)
    assert first == "2 of 4 rows failed:"
    assert two.startswith("  [two] AssertionError: assert 2 in (1, 4)")
    assert three.startswith("  [number 3] AssertionError: assert 3 in (1, 4)")
    assert isinstance(raised.value.__cause__, AssertionError)


def test_an_error_is_a_failure_too() -> None:
    @each("value", ["1", "x"], ids=["a number", "one"])
    def number(value: str) -> None:
        int(value)

    with pytest.raises(AssertionError, match=r"1 of 2 rows failed:\n  \[one\] ValueError: invalid literal"):
        number()
