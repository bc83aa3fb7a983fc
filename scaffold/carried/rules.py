"""The weight rules of what carried statements use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaffold.carried.spec import KV_HEADS, CarriedParameter, Stretch
from scaffold.weights.norm_rules import norm_rules
from scaffold.weights.rules import Rule
from scaffold.weights.scope import Scope
from scaffold.weights.splits import Even, KvHeads
from scaffold.weights.targets import join


def carried_rules(
    scope: Scope, stretches: Sequence[Stretch], path: str, block: str, kv_heads: int = 0
) -> Iterator[Rule]:
    """Yield the rules of the saved tensors of stretches, each once.

    Args:
        scope: where the block lies.
        stretches: what is carried over.
        path: of the block in the checkpoint.
        block: its attribute in the adapter.
        kv_heads: of the checkpoint.
    """
    scope = scope.unscaled()
    for one in dict.fromkeys(one for stretch in stretches for one in stretch.parameters):
        yield _rule(scope, one, path, block, kv_heads)
    for norm in dict.fromkeys(norm for stretch in stretches for norm in stretch.norms):
        yield from norm_rules(scope, join(path, norm.path), norm.norm, norm.real, block)


def _rule(scope: Scope, one: CarriedParameter, path: str, block: str, kv_heads: int) -> Rule:
    name, target = join(path, one.path), join(block, one.attribute)
    if one.axis is None:
        return scope.whole(name, *one.shape, target=target)
    split = KvHeads(kv_heads) if one.share == KV_HEADS else Even(one.unit)
    return scope.shared(name, one.shape, one.axis, split, target=target)
