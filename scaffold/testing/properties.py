"""Ready-made properties of weight rules. Each raises AssertionError with what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from scaffold.checkpoint.headers import TensorHeader
from scaffold.testing.arrays import to_bfloat16
from scaffold.testing.mutations import EXPERT_CUT
from scaffold.testing.strategies import MutatedHeaders
from scaffold.weights.apply import export, load
from scaffold.weights.prove import prove
from scaffold.weights.ranks import coverage_errors
from scaffold.weights.rules import WeightMap
from scaffold.weights.transforms import Array, Scale, UnitRows


def routing_is_total_and_unambiguous(weight_map: WeightMap, names: Iterable[str]) -> None:
    """Each name has exactly one route, and no two names fill the same shard of a parameter."""
    filled: dict[tuple[object, ...], str] = {}
    for name in names:
        routes = weight_map.routes(name)
        assert len(routes) == 1, f"{name} has {len(routes)} routes: {[route.rule.source for route in routes]}"
        for shard in routes[0].shards:
            place = (routes[0].target, shard, routes[0].expert)
            assert place not in filled, f"{name} and {filled[place]} both fill {place}"
            filled[place] = name


def lookup_is_the_identity(weight_map: WeightMap, name: str) -> None:
    """Looking up what a name fills, and then what fills that, leads back to the name."""
    for route in weight_map.routes(name):
        for shard in route.shards:
            back = weight_map.sources(route.target, shard, route.expert)
            assert back == (name,), f"{name} fills {route.target}, which is filled by {back}"


def shards_reassemble(weight_map: WeightMap, tensor_parallel_size: int) -> None:
    """The ranks together hold all of each part, each entry once, or as often as KV heads are replicated.

    Only sizes are checked, not data, so large models take no longer.
    """
    for rule in weight_map.rules:
        for part in rule.parts:
            wrong = part.split.misfit(part.size, tensor_parallel_size) or coverage_errors(part, tensor_parallel_size)
            assert not wrong, f"{rule.source}, shard {part.shard}, {tensor_parallel_size} ranks: {wrong}"


def loading_can_be_undone(weight_map: WeightMap, tensors: Mapping[str, Array], tensor_parallel_size: int) -> None:
    """The parameters of all ranks together hold each tensor exactly; weights with scales are held dequantised.

    Rows that are normalised to length one are held normalised.
    """
    ranks = [load(weight_map, tensors, tensor_parallel_size, rank) for rank in range(tensor_parallel_size)]
    for name, array in export(weight_map, ranks).items():
        expected = tensors[name]
        (route,) = weight_map.routes(name)
        if route.rule.scale is not None:
            expected = route.rule.scale.apply(expected, tensors[route.rule.scale.name.format_map(route.values)])
        for step in route.rule.transforms:
            expected = step.apply(expected) if isinstance(step, UnitRows) else expected
        assert np.array_equal(array, expected), (
            f"{name} differs after a load on {tensor_parallel_size} ranks and export"
        )


def dequantisation_is_the_definition(weight: Array, scale: Array, block: tuple[int, int]) -> None:
    """Each result equals its entry times the scale of its block, to the last bit of float32 and of bfloat16."""
    result = Scale("", block).apply(weight, scale)
    rounded = to_bfloat16(result)
    rows, columns = (step or size for step, size in zip(block, weight.shape))
    for (row, column), value in np.ndenumerate(weight):
        expected = np.float32(value) * np.float32(scale[row // rows, column // columns])
        assert result[row, column].tobytes() == expected.tobytes(), f"entry {row}, {column}"
        assert rounded[row, column] == to_bfloat16(np.array([expected]))[0], f"entry {row}, {column} in bfloat16"


def proof_holds(
    weight_map: WeightMap, headers: Mapping[str, TensorHeader], tensor_parallel_sizes: Sequence[int] = (1,)
) -> None:
    """The rules take every tensor of a checkpoint exactly once, and fill every parameter."""
    findings = prove(weight_map, headers, tensor_parallel_sizes).findings
    assert not findings, "\n".join(map(str, findings))


def mutation_is_found(weight_map: WeightMap, mutated: MutatedHeaders) -> None:
    """The proof fails for a wrong checkpoint, and says what is wrong."""
    findings = prove(weight_map, mutated.headers).findings
    kinds = {finding.kind for finding in findings}
    expected = mutated.mutation.finds
    assert expected <= kinds if expected else kinds & EXPERT_CUT, f"{mutated}: found {kinds}, expected {expected}"
    assert all(finding.tensors and finding.mends for finding in findings)
