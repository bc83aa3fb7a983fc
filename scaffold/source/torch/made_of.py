"""Tensors that source makes of its sizes alone, such as ``torch.tensor(num_heads)``: without weights and tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scaffold.source.python.shadows import depends_on_sizes, is_by_length
from scaffold.source.torch.operations import tensors_in
from scaffold.source.torch.tensors import Tensor

DEPTH = 30
"""Operations in a row that are followed."""


def sizes_of(tensor: Tensor) -> list[Any]:
    """Return the numbers of the config, and computed of it, that a tensor was made of; none where data is in it, too.

    Positions and masks are none: what is compared with the number of tokens is asked elsewhere.
    """
    found: list[Any] = []
    level, seen = [tensor], {id(tensor)}
    for _ in range(DEPTH):
        further = []
        for one in level:
            if one.role in ("parameter", "buffer") or (one.origin is None and one.a.ndim):
                return []
            if one.origin is not None:
                made = (one.origin.args, one.origin.kwargs)
                found += [number for number in _numbers(made) if depends_on_sizes(number)]
                further += [part for part in tensors_in(made) if isinstance(part, Tensor) and id(part) not in seen]
                seen |= set(map(id, further))
        if not further:
            return [] if any(map(is_by_length, found)) else found
        level = further
    return []


def is_constant(tensor: Tensor) -> bool:
    """Return whether a tensor is a table that the source itself has, made of no size, no weight and no token."""
    level, seen = [tensor], {id(tensor)}
    for _ in range(DEPTH):
        further: list[Tensor] = []
        for one in level:
            if one.role in ("parameter", "buffer") or (one.origin is None and one.a.ndim and one.a.size > 1):
                return False
            made = (one.origin.args, one.origin.kwargs) if one.origin is not None else ()
            if any(map(depends_on_sizes, _numbers(made))):
                return False
            further += [part for part in tensors_in(made) if isinstance(part, Tensor) and id(part) not in seen]
            seen |= set(map(id, further))
        if not further:
            return True
        level = further
    return False


def _numbers(tree: Any) -> Iterator[Any]:
    if isinstance(tree, (tuple, list)):
        for part in tree:
            yield from _numbers(part)
    elif isinstance(tree, dict):
        yield from _numbers(list(tree.values()))
    elif isinstance(tree, slice):
        yield from _numbers((tree.start, tree.stop, tree.step))
    elif isinstance(tree, (int, float)):
        yield tree
