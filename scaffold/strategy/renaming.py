"""Beginnings of names that a checkpoint has in place of those that its model's source has.

Only whole modules move: what stands behind the beginning is as the source names it, so that a name never changes what
it means. A layout in which modules themselves are called otherwise (``attention.wq`` of Meta's and Mistral's files,
whose rows are in another order, too) is none of these.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import product

from scaffold.spec.decoder import DecoderSpec

Renames = tuple[tuple[str, str], ...]
"""Beginning on disk → as the source names it; applied in turn, as ``orig_to_new_prefix`` of a ``WeightsMapper`` is."""
MOST = 8
"""Places where the layers of a decoder may be: each is tried."""


def renames(names: Collection[str], spec: DecoderSpec) -> Iterator[Renames]:
    """Yield the ways in which a decoder's modules may have moved; whether one fits is to be proved."""
    base = f"{spec.base_name}." if spec.base_name else ""
    anchors = (f"{spec.layers_name}.0.", f"{spec.embedding.name}.", f"{spec.norm_name}.")
    places = [_beginnings(names, anchor) for anchor in anchors]
    head = f"{spec.head_name}."
    heads = [place for place in _beginnings(names, head) if place + head] or [""]
    for layers, embedding, norm, top in product(*places, heads):
        moved = {
            f"{layers}{spec.layers_name}.": f"{base}{spec.layers_name}.",
            f"{embedding}{spec.embedding.name}.": f"{base}{spec.embedding.name}.",
            f"{norm}{spec.norm_name}.": f"{base}{spec.norm_name}.",
            f"{top}{head}": head,
        }
        moved = {old: new for old, new in moved.items() if old != new}
        if not moved:
            continue
        one = _as_one(moved, layers, base) if layers == embedding == norm and layers else None
        if one is not None:
            yield one
        if one is None or any(apply(one, name) != apply(tuple(moved.items()), name) for name in names):
            yield tuple(moved.items())


def moved(names: Collection[str], spec: DecoderSpec) -> Renames:
    """Return how names begin otherwise than the source has them; empty where transformers itself finds them.

    It finds those that its source has, and those of the decoder alone, without the beginning that the head's model
    gives them (transformers: ``base_model_prefix``).
    """
    base = f"{spec.base_name}." if spec.base_name else ""
    if any(name.startswith(f"{base}{spec.layers_name}.") for name in names):
        return ()
    ways = list(renames(names, spec))
    bare = any(all(new == base + old for old, new in way) for way in ways)
    return () if bare or not ways else ways[0]


def _as_one(moved: Mapping[str, str], place: str, base: str) -> Renames:
    """Return it as a replacement of one beginning, with the head's before it: all modules of the decoder move."""
    whole = {old: new for old, new in moved.items() if new != base + old.removeprefix(place)} | {place: base}
    return tuple(whole.items())


def _beginnings(names: Collection[str], anchor: str) -> list[str]:
    """Return what stands before a module's name, in the names that have it."""
    pattern = re.compile(rf"(?:^|(?<=\.)){re.escape(anchor)}")
    found = dict.fromkeys(name[: match.start()] for name in names for match in pattern.finditer(name))
    return sorted((place for place in found if not any(part.isdigit() for part in place.split("."))), key=len)[:MOST]


def apply(renames: Renames, name: str) -> str:
    """Return a name as the model has it (vLLM: ``WeightsMapper`` in model_executor/models/utils.py)."""
    for old, new in renames:
        if name.startswith(old):
            name = new + name.removeprefix(old)
    return name
