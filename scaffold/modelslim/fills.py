"""Which modules of a checkpoint fill which layer of the model, by the model's own loaders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scaffold.checkpoint.headers import Form
from scaffold.vllm_models.check import EXPERTS
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import Node
from scaffold.vllm_models.walk import Tensor, Walk

LEAVES = (".weight", ".weight_packed")
"""Endings of the tensors that hold a module's weight."""
SHARDS = ("w1", "w3", "w2")
"""Of experts, in the order in which tables list gate, up and down."""


@dataclass(frozen=True)
class Fills:
    """What fills layers, by the identity of their modules.

    Attributes:
        parts: shard → module of the checkpoint, such as ``model.layers.0.self_attn.q_proj``.
        experts: shard → number of the expert → module; -1 is all experts in one tensor.
    """

    parts: Mapping[int, Mapping[Any, str]] = field(repr=False)
    experts: Mapping[int, Mapping[str, Mapping[int, str]]] = field(repr=False)


def fills(reader: Reader, root: Node, forms: Mapping[str, Form]) -> Fills:
    """Follow the weights of all modules; those of experts that differ in their number alone go together."""
    parts: dict[int, dict[Any, str]] = defaultdict(dict)
    experts: dict[int, dict[str, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
    known = Walk(reader)
    for names in _together(forms):
        walk = Walk(reader, _loaders=known._loaders)
        walk.load(root, "", names[0], Tensor(forms[names[0]]))
        stems = [_stem(name) for name in names]
        for (node, _), shards in walk.filled.items():
            parts[node] |= dict.fromkeys(shards, stems[0])
        for node, found in walk.of_experts.items():
            for number, shard in found:
                numbers = [number] if number < 0 else [_expert(name) for name in names]
                experts[node][shard] |= dict(zip(numbers, stems))
    return Fills(parts, experts)


def _together(forms: Mapping[str, Form]) -> Iterable[list[str]]:
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in forms:
        if name.endswith(LEAVES):
            before, mark, after = name.rpartition(EXPERTS)
            number, _, rest = after.partition(".")
            key = (before, rest) if mark and number.isdecimal() else (name,)
            found[key].append(name)
    return found.values()


def _expert(name: str) -> int:
    return int(name.rpartition(EXPERTS)[2].partition(".")[0])


def _stem(name: str) -> str:
    return next(name.removesuffix(leaf) for leaf in LEAVES if name.endswith(leaf))
