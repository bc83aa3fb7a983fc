"""What the ranks hold of a part: that together they hold all of it, and how much the fullest one holds."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold.weights.rules import Part, Rule, WeightMap
from scaffold.weights.splits import KvHeads, Whole


def coverage_errors(part: Part, tp: int) -> str:
    """Return what is wrong if the ranks' intervals do not cover the part, each entry as often as the next.

    Replication is for whole tensors and for KV heads only.
    """
    intervals = [part.split.interval(part.size, tp, rank) for rank in range(tp)]
    replicas = tp if isinstance(part.split, Whole) else 1
    if isinstance(part.split, KvHeads):
        replicas = max(1, tp // part.split.heads)
    position = 0
    for begin, end in intervals[::replicas]:
        if begin != position:
            return (
                f"entries {position} to {begin} are held by no rank" if begin > position else f"{begin} is held twice"
            )
        position = end
    if position != part.size:
        return f"entries {position} to {part.size} are held by no rank"
    if any(intervals[r] != intervals[r - r % replicas] for r in range(tp)):
        return "replicas differ"
    return ""


def fullest_share(rule: Rule, tp: int) -> float:
    """Return the share of a rule's tensors that the fullest rank holds, from 1/tp to 1."""
    total = sum(part.size for part in rule.parts)
    if not total:
        return 1.0
    held = 0
    for part in rule.parts:
        if part.split.misfit(part.size, tp):
            return 1.0
        begin, end = part.split.interval(part.size, tp, 0)
        held += end - begin
    return held / total


def fitting_sizes(weight_map: WeightMap, sizes: Sequence[int]) -> tuple[int, ...]:
    """Return those of the tensor-parallel sizes that all layers of a model allow."""
    wrong = misfits(weight_map, sizes)
    return tuple(size for size in sizes if size not in wrong)


def misfits(weight_map: WeightMap, sizes: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return those of the tensor-parallel sizes that a layer of a model does not allow, with the reasons."""
    parts = {part: None for rule in weight_map.rules for part in rule.parts}
    found = {size: [part.split.misfit(part.size, size) for part in parts] for size in sizes}
    return {size: tuple(dict.fromkeys(filter(None, why))) for size, why in found.items() if any(why)}
