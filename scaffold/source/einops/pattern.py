"""Patterns of einops, ``"b s (h d) -> b h s d"``: the axes of each side by name.

https://einops.rocks/api/rearrange/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from scaffold.source.python.errors import NotUnderstood

TOKEN = re.compile(r"\(|\)|\.\.\.|[A-Za-z_]\w*|\d+")
TOGETHER = "(...)"
"""``...`` in parentheses: the axes that are left, in one."""
MAX_PATTERN = 300
"""Characters; far above any pattern of a model."""
Side = list[list[str]]
"""Axes of one side: each a list of names, several where they lie together in one axis; none for an axis of one.

A number is a new axis of that length.
"""


def read(pattern: str, ndim: int) -> tuple[Side, Side]:
    """Return both sides of a pattern for a tensor of so many axes; ``...`` becomes axes with names of their own.

    Raises:
        NotUnderstood: it is no pattern, or does not fit the tensor.
    """
    if len(pattern) > MAX_PATTERN or pattern.count("->") != 1:
        raise NotUnderstood(f"the einops pattern {pattern[:MAX_PATTERN]!r}")
    left, right = (_axes(side, pattern) for side in pattern.split("->"))
    named = sum(axis != ["..."] for axis in left)
    if (["..."] not in left and named != ndim) or named > ndim:
        raise NotUnderstood(f"the einops pattern {pattern!r} for a tensor of {ndim} axes")
    more = [f"...{number}" for number in range(ndim - named)]
    return list(_spread(left, more)), list(_spread(right, more))


def _axes(side: str, pattern: str) -> Side:
    """Return the axes as they are written; ``...`` is a name."""
    tokens = TOKEN.findall(side)
    if "".join(tokens) != "".join(side.split()):
        raise NotUnderstood(f"the einops pattern {pattern!r}")
    found: Side = []
    inside: list[str] | None = None
    for word in tokens:
        if word == "(":
            inside = []
        elif word == ")":
            found.append(inside or [])
            inside = None
        elif inside is not None:
            inside += [TOGETHER if word == "..." else word] if word != "1" else []
        else:
            found.append([word] if word != "1" else [])
    return found


def _spread(side: Side, more: Sequence[str]) -> Iterator[list[str]]:
    for axis in side:
        if axis == ["..."]:
            yield from ([name] for name in more)
        else:
            yield [one for name in axis for one in (more if name == TOGETHER else [name])]


def lengths(side: Side, shape: Sequence[int], known: Mapping[str, int]) -> dict[str, int]:
    """Return how long each named axis is; of axes that lie together, one may be unknown.

    Raises:
        NotUnderstood: they do not fit the tensor.
    """
    found = dict(known)
    for axis, size in zip(side, shape):
        missing = [name for name in axis if name not in found]
        rest = math.prod(found[name] for name in axis if name in found)
        if len(missing) > 1 or rest == 0 or size % rest or (not missing and size != rest):
            raise NotUnderstood(f"einops axes {' '.join(axis) or '1'} of an axis of {size}")
        found |= dict.fromkeys(missing, size // rest)
    return found
