"""Which of the checkpoint's sizes a size of a small run's tensors stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

Pair = tuple[int, int]
"""A size of the small run, and what it is at the checkpoint's sizes."""
LEAST_SIZE = 3
"""Smaller numbers are counts and switches that stand for no size of a tensor."""


def real_sizes(small: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[int, int]:
    """Return which size at the checkpoint's sizes each size of a probe's tensors stands for, where that is one alone.

    Sizes are those of the config; if none of these, products, doubles and shares of them; if none of these either,
    what a packed projection has.

    Args:
        small: the probe's config.
        stated: the checkpoint's.
    """
    return dict(_real_sizes(tuple(sorted(set(_numbers(small, stated))))))


@lru_cache(maxsize=64)
def _real_sizes(sizes: tuple[Pair, ...]) -> Mapping[int, int]:
    """Return the same of pairs of sizes: models that are compared with one checkpoint have mostly the same."""
    changed = [pair for pair in sizes if pair[0] != pair[1]]
    found = _by_size(sizes)
    for further in (_computed(changed), _packed(changed)):
        found |= {size: others for size, others in _by_size(further).items() if size not in found}
    return {size: others.pop() for size, others in found.items() if len(others) == 1}


def _computed(sizes: Sequence[Pair]) -> Iterator[Pair]:
    """Yield products of two sizes, doubles of one, and shares that leave no rest."""
    for a in sizes:
        yield 2 * a[0], 2 * a[1]
        for b in sizes:
            yield a[0] * b[0], a[1] * b[1]
            if a[0] % b[0] == a[1] % b[1] == 0:
                yield a[0] // b[0], a[1] // b[1]


def _packed(sizes: Sequence[Pair]) -> Iterator[Pair]:
    """Yield the rows of q, k and v in one projection: (heads + 2 * key-value heads) * size of a head."""
    for heads in sizes:
        for kv_heads in sizes:
            for head_dim in sizes:
                rows = (heads[0] + 2 * kv_heads[0]) * head_dim[0]
                yield rows, (heads[1] + 2 * kv_heads[1]) * head_dim[1]


def _by_size(pairs: Iterable[Pair]) -> dict[int, set[int]]:
    """Return size of the small run → all sizes of the checkpoint that it may stand for."""
    found: dict[int, set[int]] = {}
    for one, other in pairs:
        found.setdefault(one, set()).add(other)
    return found


def _numbers(small: Any, stated: Any) -> list[Pair]:
    """Return the whole numbers of two configs of one form, those of objects in them too."""
    found = []
    for key, value in small.items():
        other = stated.get(key)
        pair = getattr(value, "attributes", value), getattr(other, "attributes", other)
        if all(isinstance(one, Mapping) for one in pair):
            found += _numbers(*pair)
        elif all(type(one) is not bool and isinstance(one, int) and one >= LEAST_SIZE for one in pair):
            found.append((int(value), int(other)))
    return found
