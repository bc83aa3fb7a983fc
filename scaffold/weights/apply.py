"""The rules carried out on arrays: what each rank's parameters hold, and the way back.

This is what the rules *mean*. The loaders that are emitted from them are compared with it under the real vLLM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scaffold.weights.rules import EXPERT, SHARD_SETS, Part, Rule, ShardId, WeightMap
from scaffold.weights.splits import KvHeads, Vocabulary, Whole
from scaffold.weights.transforms import Array

_ORDER: dict[ShardId, int] = {shard: index for shards in SHARD_SETS for index, shard in enumerate(shards)}


def load(weight_map: WeightMap, tensors: Mapping[str, Array], tp: int = 1, rank: int = 0) -> dict[str, Array]:
    """Return the parameters of a rank, as vLLM's layers hold them: fused, sharded, vocabulary padded with zeros.

    Args:
        weight_map: rules that are proved for these tensors and this number of ranks.
        tensors: the checkpoint.
        tp: tensor-parallel size.
        rank: from 0 to ``tp - 1``.

    Raises:
        KeyError: a tensor that the rules need is not there.
    """
    slots: dict[str, dict[tuple[int, int], tuple[Array, int]]] = {}
    for rule in weight_map.rules:
        if rule.is_ignored:
            continue
        for values in rule.instances():
            whole = _on_parameter_side(rule, tensors, values)
            held = slots.setdefault(rule.target.format_map(values), {})
            for part, piece in zip(rule.parts, _cut(rule, whole)):
                begin, end = part.split.interval(part.size, tp, rank)
                mine = _padded(part, np.take(piece, np.arange(begin, end), axis=rule.axis), tp)
                held[values.get(EXPERT, -1), _ORDER[part.shard]] = (mine, rule.axis)
    return {target: _assemble(held) for target, held in slots.items()}


def export(weight_map: WeightMap, ranks: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Return the checkpoint's tensors from the parameters of all ranks: the way back of `load`.

    Weights that were dequantised come back as what they were dequantised to.
    """
    tp = len(ranks)
    tensors = {}
    offsets = _offsets(weight_map, tp)
    for rule in weight_map.rules:
        if rule.is_ignored:
            continue
        for values in rule.instances():
            target = rule.target.format_map(values)
            pieces = [_gather(rule, part, values, target, ranks, offsets) for part in rule.parts]
            array = np.concatenate(pieces, axis=rule.axis)
            for transform in reversed(rule.transforms):
                array = transform.undo(array)
            tensors[rule.source.format_map(values)] = array
    return tensors


def _on_parameter_side(rule: Rule, tensors: Mapping[str, Array], values: Mapping[str, int]) -> Array:
    array = tensors[rule.source.format_map(values)]
    if rule.scale is not None:
        scale = tensors.get(rule.scale.name.format_map(values))
        array = array if scale is None else rule.scale.apply(array, scale)
    for transform in rule.transforms:
        array = transform.apply(array)
    return array


def _cut(rule: Rule, array: Array) -> list[Array]:
    bounds = np.cumsum([part.size for part in rule.parts])[:-1]
    return np.split(array, bounds, axis=rule.axis)


def _padded(part: Part, array: Array, tp: int) -> Array:
    """Fill a rank's rows of a vocabulary up with zeros."""
    if not isinstance(part.split, Vocabulary):
        return array
    rows = part.split.padded(part.size) // tp
    return np.pad(array, [(0, rows - array.shape[0]), *[(0, 0)] * (array.ndim - 1)])


def _assemble(held: Mapping[tuple[int, int], tuple[Array, int]]) -> Array:
    """Put the shards of a parameter together, and its experts on an axis in front."""
    experts = sorted({expert for expert, _ in held})
    whole = []
    for expert in experts:
        shards = [held[key] for key in sorted(key for key in held if key[0] == expert)]
        whole.append(np.concatenate([array for array, _ in shards], axis=shards[0][1]))
    return whole[0] if experts == [-1] else np.stack(whole)


def _offsets(weight_map: WeightMap, tp: int) -> dict[tuple[str, int], tuple[int, int]]:
    """Return where a shard lies in a rank's parameter: (target pattern, place in the order) → begin, size."""
    sizes: dict[str, dict[int, int]] = {}
    for rule in weight_map.rules:
        for part in rule.parts if not rule.is_ignored else ():
            begin, end = part.split.interval(part.size, tp, 0)
            sizes.setdefault(rule.target, {})[_ORDER[part.shard]] = end - begin
    return {
        (target, place): (sum(size for before, size in places.items() if before < place), places[place])
        for target, places in sizes.items()
        for place in places
    }


def _gather(
    rule: Rule,
    part: Part,
    values: Mapping[str, int],
    target: str,
    ranks: Sequence[Mapping[str, Array]],
    offsets: Mapping[tuple[str, int], tuple[int, int]],
) -> Array:
    """Collect one part of a tensor from the ranks that hold it."""
    tp, pieces, position = len(ranks), [], 0
    offset, _ = offsets[rule.target, _ORDER[part.shard]]
    for rank, parameters in enumerate(ranks):
        begin, end = part.split.interval(part.size, tp, rank)
        if begin != position or (isinstance(part.split, Whole | KvHeads) and position == part.size):
            continue
        held = parameters[target][values[EXPERT]] if EXPERT in values else parameters[target]
        pieces.append(np.take(held, np.arange(offset, offset + end - begin), axis=rule.axis))
        position = end
    return np.concatenate(pieces, axis=rule.axis)
