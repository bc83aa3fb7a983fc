"""Ways in which a checkpoint can be wrong, and what a proof must report for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from scaffold.checkpoint.headers import TensorHeader
from scaffold.weights.prove import QUANTISED
from scaffold.weights.rules import Rule, WeightMap
from scaffold.weights.splits import KvHeads

Headers = dict[str, TensorHeader]
Mutated = list[TensorHeader]


@dataclass(frozen=True)
class Mutation:
    """One way. ``apply`` returns None if it cannot be applied to anything in the checkpoint."""

    name: str
    finds: frozenset[str]
    """Kinds of findings, all of which the proof must report."""
    apply: Callable[[WeightMap, Headers, Random], Mutated | None]


def _needed(weight_map: WeightMap, headers: Headers) -> list[str]:
    names = {name for rule in weight_map.rules if rule.required for name in rule.names()}
    return sorted(names & headers.keys())


def _drop(weight_map: WeightMap, headers: Headers, random: Random) -> Mutated:
    name = random.choice(_needed(weight_map, headers))
    return [header for header in headers.values() if header.name != name]


def _add(weight_map: WeightMap, headers: Headers, random: Random) -> Mutated:
    like = headers[random.choice(sorted(headers))]
    return [*headers.values(), replace(like, name=f"{like.name}.extra")]


def _rename(weight_map: WeightMap, headers: Headers, random: Random) -> Mutated:
    name = random.choice(_needed(weight_map, headers))
    new = name.replace(".", "_", 1)
    return [replace(header, name=new) if header.name == name else header for header in headers.values()]


def _swap_shapes(weight_map: WeightMap, headers: Headers, random: Random) -> Mutated | None:
    names = _needed(weight_map, headers)
    first = random.choice(names)
    others = [name for name in names if headers[name].shape != headers[first].shape]
    if not others:
        return None
    second = random.choice(others)
    swapped = {
        first: replace(headers[first], shape=headers[second].shape),
        second: replace(headers[second], shape=headers[first].shape),
    }
    return [swapped.get(header.name, header) for header in headers.values()]


def _duplicate(weight_map: WeightMap, headers: Headers, random: Random) -> Mutated:
    again = headers[random.choice(sorted(headers))]
    return [*headers.values(), replace(again, shard="model-99999-of-99999.safetensors")]


def _scaled(weight_map: WeightMap, headers: Headers) -> list[tuple[str, str]]:
    """Return the weight and scale of each quantised pair."""
    return [
        (rule.source.format_map(values), rule.scale.name.format_map(values))
        for rule in weight_map.rules
        if rule.scale is not None
        for values in rule.instances()
        if headers[rule.source.format_map(values)].dtype in QUANTISED
    ]


def _drop_scale(weight_map: WeightMap, headers: Headers, random: Random) -> Mutated | None:
    pairs = _scaled(weight_map, headers)
    dropped = random.choice(pairs)[1] if pairs else None
    return [header for header in headers.values() if header.name != dropped] if dropped else None


def _drop_weight(weight_map: WeightMap, headers: Headers, random: Random) -> Mutated | None:
    pairs = _scaled(weight_map, headers)
    dropped = random.choice(pairs)[0] if pairs else None
    return [header for header in headers.values() if header.name != dropped] if dropped else None


def _expert_rules(weight_map: WeightMap) -> list[Rule]:
    return [rule for rule in weight_map.rules if rule.parts and rule.parts[0].shard in ("w1", "w2", "w3")]


def _cut_expert(weight_map: WeightMap, headers: Headers, random: Random) -> Mutated | None:
    """Remove the last expert of a layer: its tensors, or its slice of the stacked ones."""
    rules = _expert_rules(weight_map)
    if not rules:
        return None
    cut: Headers = {}
    gone: set[str] = set()
    for rule in rules:
        *_, values = rule.instances()
        name = rule.source.format_map(values)
        if rule.is_per_expert:
            gone.add(name)
        else:
            shape = headers[name].shape
            cut[name] = replace(headers[name], shape=(shape[0] - 1, *shape[1:]))
    return [cut.get(header.name, header) for header in headers.values() if header.name not in gone]


def _kv_heads(weight_map: WeightMap, headers: Headers, random: Random) -> Mutated | None:
    """Give keys and values of all layers a number of heads that differs from the config."""
    heads = [
        (rule, part.split.heads, part.size) for rule in weight_map.rules for part in rule.parts
        if isinstance(part.split, KvHeads)
    ]  # fmt: skip
    if not heads:
        return None
    _, number, _ = heads[0]
    other = number + 1 if number == 1 or random.random() < 0.5 else number - 1
    changed: Headers = {}
    for rule in {rule.source: rule for rule, _, _ in heads}.values():
        grown = sum(part.size // number * (other - number) for part in rule.parts if isinstance(part.split, KvHeads))
        on_disk = [axis for axis, size in enumerate(rule.shape or ()) if size == rule.target_shape[rule.axis]]
        for name in rule.names():
            shape = list(headers[name].shape)
            shape[on_disk[0]] += grown
            changed[name] = replace(headers[name], shape=tuple(shape))
    return [changed.get(header.name, header) for header in headers.values()]


MUTATIONS = (
    Mutation("drop a tensor", frozenset({"missing"}), _drop),
    Mutation("add a tensor", frozenset({"unrouted"}), _add),
    Mutation("rename a tensor", frozenset({"missing", "unrouted"}), _rename),
    Mutation("swap two shapes", frozenset({"shape"}), _swap_shapes),
    Mutation("a tensor in two shards", frozenset({"duplicate"}), _duplicate),
    Mutation("drop a scale", frozenset({"no-scale"}), _drop_scale),
    Mutation("drop the weight of a scale", frozenset({"missing", "no-weight"}), _drop_weight),
    Mutation("cut an expert", frozenset(), _cut_expert),
    Mutation("another number of KV heads", frozenset({"shape"}), _kv_heads),
)
EXPERT_CUT = frozenset({"missing", "shape"})
"""A cut expert must produce one of these; which one depends on how experts are stored on disk."""
