"""What ``make bench-parity`` measures: each fault is one of a row, and what is to be found of it is told."""

from __future__ import annotations

from tests.bench.parity.measure import SLICE, faults, right_cases, row_of, sliced


def test_right_servers_are_to_hold_and_faults_are_not_but_those_that_nobody_can_see() -> None:
    cases = {case.name: case for case in [*right_cases(), *faults()]}
    assert all(row_of(case.row) for case in cases.values())
    assert all(case.is_to_hold for case in right_cases())
    unseen = {name for name, case in cases.items() if case.fault and case.is_to_hold}
    assert unseen == {"eps of the norms 1e-5 instead of 1e-6", "exact GELU instead of tanh's"}
    assert "cohere2" not in cases


def test_a_slice_is_to_show_what_the_whole_shows_but_for_layers_that_it_has_not() -> None:
    pairs = sliced([*right_cases(), *faults()])
    whole, parts = pairs[::2], pairs[1::2]
    assert {part.layers for part in parts} == {SLICE}
    assert [one.name for one, part in zip(whole, parts) if one.is_to_hold != part.is_to_hold] == [
        "two layers swapped, 12 layers"
    ]
