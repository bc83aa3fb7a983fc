"""Tensors under other names: the one part of them that differs, where nothing else can be meant."""

from __future__ import annotations

from collections.abc import Mapping

from scaffold.weights.transforms import Shape


def renamed_part(found: Mapping[str, tuple[int, ...]], lacking: Mapping[str, Shape | None]) -> tuple[str, str] | None:
    """Return a part of the first name, and what it is called where all names that have it are missing ones.

    No two names become one, shapes agree where they are known, and there is one such part: what is gate and what is up
    is not told by a shape.

    Args:
        found: names that nothing takes, with their shapes.
        lacking: names that are missing, with the shapes that they should have.
    """
    first = next(iter(found)).split(".")
    ways = {way for name in lacking if (way := _one_part(first, name.split("."))) is not None}
    right = [(old, new) for at, old, new in sorted(ways) if _all_missing(at, old, new, found, lacking)]
    return right[0] if len(right) == 1 else None


def _one_part(first: list[str], other: list[str]) -> tuple[int, str, str] | None:
    """Return where two names differ and in which parts, if that is one place and no number."""
    if len(first) != len(other):
        return None
    places = [at for at, (one, two) in enumerate(zip(first, other)) if one != two]
    if len(places) != 1 or first[places[0]].isdigit() or other[places[0]].isdigit():
        return None
    return places[0], first[places[0]], other[places[0]]


def _all_missing(
    at: int, old: str, new: str, found: Mapping[str, tuple[int, ...]], lacking: Mapping[str, Shape | None]
) -> bool:
    for name, shape in found.items():
        parts = name.split(".")
        if len(parts) <= at or parts[at] != old:
            continue
        other = ".".join([*parts[:at], new, *parts[at + 1 :]])
        if other not in lacking or lacking[other] not in (None, shape):
            return False
    return True
