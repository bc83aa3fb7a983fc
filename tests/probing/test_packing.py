"""Layouts of q, k and v in one layer: each is found, and what is no layout is none."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scaffold.probing.projections import Packing, packing
from tests.rows import each

ORDERS = list(permutations(range(3)))


def lay_out(groups: int, counts: tuple[int, ...], order: tuple[int, ...], size: int) -> tuple[list[np.ndarray], int]:
    """Return the columns ``[heads, size]`` of each part, laid out one after the other as the words say."""
    parts: list[list[list[int]]] = [[] for _ in counts]
    column = 0
    for _ in range(groups):
        for part in order:
            for _ in range(counts[part]):
                parts[part].append(list(range(column, column + size)))
                column += size
    return [np.array(part) for part in parts], column


@given(
    groups=st.integers(1, 5),
    q_heads=st.integers(1, 4),
    kv_heads=st.integers(1, 2),
    order=st.sampled_from(ORDERS),
    size=st.integers(1, 6),
)
def test_a_layout_is_found_again(groups: int, q_heads: int, kv_heads: int, order: tuple[int, ...], size: int) -> None:
    counts = (q_heads, kv_heads, kv_heads)
    parts, width = lay_out(groups, counts, order, size)
    found = packing(parts, width)
    assert found is not None
    again, _ = lay_out(found.groups, found.counts, found.order, size)
    for part, same in zip(parts, again):
        np.testing.assert_array_equal(part, same)
    assert found.groups <= groups


@each(
    ("name", "groups", "counts", "order"),
    [
        ("contiguous (Phi-3)", 1, (12, 3, 3), (0, 1, 2)),
        ("per head (GPT-NeoX, Bloom)", 12, (1, 1, 1), (0, 1, 2)),
        ("per group (Falcon)", 3, (4, 1, 1), (0, 1, 2)),
        ("contiguous, q, v, k (CodeGen's order)", 1, (12, 12, 12), (0, 2, 1)),
        ("per group, k first", 3, (4, 1, 1), (1, 0, 2)),
    ],
)
def test_the_layouts_that_models_have(name: str, groups: int, counts: tuple[int, ...], order: tuple[int, ...]) -> None:
    parts, width = lay_out(groups, counts, order, 8)
    assert packing(parts, width) == Packing(groups, counts, order)


@given(seed=st.integers(0, 1000))
def test_columns_out_of_order_are_no_layout(seed: int) -> None:
    parts, width = lay_out(3, (4, 1, 1), (0, 1, 2), 8)
    rng = np.random.default_rng(seed)
    part, (one, two) = parts[rng.integers(3)], rng.choice(8, 2, replace=False)
    part[0, [one, two]] = part[0, [two, one]]
    assert packing(parts, width) is None


def test_columns_that_are_left_over_are_no_layout() -> None:
    parts, width = lay_out(1, (4, 2, 2), (0, 1, 2), 8)
    assert packing(parts, width + 8) is None
