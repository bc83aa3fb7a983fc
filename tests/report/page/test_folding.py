"""Names folded into a tree, and each of them back again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scaffold.report.page.folding import DEPTH, folded, is_number, runs, unfolded
from tests.rows import each

PIECES = st.sampled_from(["a", "b", "layers", "weight", "", "0", "1", "2", "7", "10", "01", "4294967296123"])
NAMES = st.lists(PIECES, min_size=1, max_size=5).map(".".join)


@settings(max_examples=60)
@given(st.dictionaries(NAMES, st.integers(0, 3), max_size=40))
def test_every_name_comes_back_with_its_kind(names: dict[str, int]) -> None:
    found = list(unfolded(folded(names)))
    assert dict(found) == names
    assert len(found) == len(names)


@settings(max_examples=30)
@given(st.dictionaries(NAMES, st.integers(0, 3), max_size=20))
def test_nodes_follow_those_that_they_refer_to(names: dict[str, int]) -> None:
    for index, node in enumerate(folded(names).nodes):
        assert all(reference < index for _, reference in node)


def test_layers_and_experts_that_are_alike_are_there_once() -> None:
    names = {f"model.layers.{i}.experts.{j}.w{k}": k for i in range(61) for j in range(32) for k in (1, 2, 3)}
    names |= {"model.layers.7.bias": 9}
    tree = folded(names)
    assert len(tree.nodes) <= 8
    (layers,) = [node for node in tree.nodes if len(node) == 2 and isinstance(node[0][0], tuple)]
    assert [label for label, _ in layers] == [((0, 6, 1), (8, 60, 1)), ((7, 7, 1),)]
    assert dict(unfolded(tree)) == names


def test_a_name_that_goes_on_and_one_that_ends_there_are_both_kept() -> None:
    names = {"a.b": 0, "a.b.c": 1, "a": 2}
    assert dict(unfolded(folded(names))) == names


def test_a_name_of_a_hundred_thousand_dots_does_not_nest_without_end() -> None:
    name = "a." * 100_000
    assert list(unfolded(folded({name: 0}))) == [(name, 0)]
    assert len(folded({name: 0}).nodes) == DEPTH + 1


def test_no_names_are_a_tree_without_a_root() -> None:
    assert list(unfolded(folded({}))) == []


@each(
    ("numbers", "expected"),
    [
        ([], ()),
        ([4], ((4, 4, 1),)),
        ([0, 1, 2, 3], ((0, 3, 1),)),
        ([0, 2, 4, 6, 7], ((0, 6, 2), (7, 7, 1))),
        ([0, 5], ((0, 0, 1), (5, 5, 1))),
        ([3, 4, 9, 10, 11], ((3, 4, 1), (9, 11, 1))),
    ],
)
def test_runs(numbers: list[int], expected: tuple[tuple[int, int, int], ...]) -> None:
    assert runs(numbers) == expected


@each(
    ("piece", "counts"),
    [("0", True), ("17", True), ("", False), ("07", False), ("٣", False), ("1" * 10, False), ("w1", False)],
)
def test_what_is_counted_with(piece: str, counts: bool) -> None:
    assert is_number(piece) is counts
