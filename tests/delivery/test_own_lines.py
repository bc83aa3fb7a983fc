"""Lines of a shared file: a commit holds those of its own plan, whoever else edited the file, and in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.common.errors import CheckFailed
from scaffold.delivery.own_lines import Edit, own_lines
from tests.drawn import examples
from tests.sampled import costly

INDEX = "# Models\n\n:::{toctree}\nalpha\nomega\n:::\n"


def edit(before: str, after: str) -> Edit:
    return Edit("delivery", "index.md", before, after)


def inserted(text: str, line: str, position: int) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:position], f"{line}\n", *lines[position:]])


@costly
@examples(100)
@given(st.lists(st.tuples(st.sampled_from(["ours", "theirs", "user"]), st.integers(0, 6)), min_size=1, max_size=8))
def test_each_commit_has_the_lines_of_its_plan_alone(steps: list[tuple[str, int]]) -> None:
    now, edits = INDEX, dict[str, list[Edit]](ours=[], theirs=[])
    for number, (who, position) in enumerate(steps):
        after = inserted(now, f"{who}-{number}", position)
        if who in edits:
            edits[who].append(edit(now, after))
        now = after
    committed, present = INDEX, set[str]()
    for who in ("theirs", "ours"):
        if edits[who]:
            committed = own_lines(committed, edits[who], now)
            present.add(who)
            assert own_lines(committed, edits[who], now) == committed, "what is committed is not committed twice"
        kept = [line for line in now.splitlines() if line.split("-")[0] in present or f"{line}\n" in INDEX]
        assert committed.splitlines() == kept


def test_a_line_that_somebody_corrected_is_committed_as_it_is_now() -> None:
    after = INDEX.replace("omega\n", "nova\nomega\n")
    now = after.replace("nova", "nova-7b")
    assert own_lines(INDEX, [edit(INDEX, after)], now) == now


def test_a_line_that_the_plan_replaced_is_replaced() -> None:
    after = INDEX.replace("omega\n", "omega.md\n")
    now = after.replace("alpha\n", "alpha\nuser\n")
    assert own_lines(INDEX, [edit(INDEX, after)], now) == after


def test_a_line_that_a_user_removed_stays_committed() -> None:
    after = INDEX.replace("omega\n", "nova\nomega\n")
    assert own_lines(INDEX, [edit(INDEX, after)], after.replace("alpha\n", "")) == after


@pytest.mark.parametrize(
    "now", [INDEX, INDEX.replace("omega\n", "nova\nomega\n").replace("alpha\nnova", "beta\nnova2")]
)
def test_a_line_of_the_plan_that_is_gone_or_edited_together_with_others_is_told(now: str) -> None:
    after = INDEX.replace("omega\n", "nova\nomega\n")
    with pytest.raises(CheckFailed, match="it wrote 'nova'"):
        own_lines(INDEX, [edit(INDEX, after)], now)


def test_a_line_that_holds_an_entry_of_another_plan_too_is_refused() -> None:
    before, after = "NAMES = [a, theirs]\n", "NAMES = [a, theirs, ours]\n"
    with pytest.raises(CheckFailed, match=r"rewrote.*'NAMES = \[a, theirs\]'"):
        own_lines("NAMES = [a]\n", [edit(before, after)], after)
    assert own_lines(before, [edit(before, after)], after) == after


def test_only_line_feeds_end_a_line() -> None:
    text = "a\x0bb\r\nc\u2028d"
    assert own_lines(text, [edit(text, f"{text}\nnova\n")], f"{text}\nnova\n") == f"{text}\nnova\n"
