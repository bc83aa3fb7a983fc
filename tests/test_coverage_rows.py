"""Which rows of the coverage's architectures a benchmark is asked for."""

from __future__ import annotations

import pytest

from tests.bench.coverage.rows import choose


def test_rows_are_chosen_by_their_names() -> None:
    assert [row.name for row in choose("mixtral, llama", extra=False)] == ["mixtral", "llama"]


def test_a_name_of_no_row_is_told_with_those_that_there_are() -> None:
    with pytest.raises(SystemExit, match=r"no row cedar in .*architectures\.yaml: .*mixtral"):
        choose("mixtral,cedar", extra=False)
