"""The weight rules of what carried statements use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaffold.carried.spec import KV_HEADS, CarriedLinear, CarriedParameter, Stretch
from scaffold.weights.norm_rules import norm_rules
from scaffold.weights.rules import Rule
from scaffold.weights.scope import Scope
from scaffold.weights.splits import Even, KvHeads
from scaffold.weights.targets import join


def carried_rules(
    scope: Scope, stretches: Sequence[Stretch], path: str, block: str, kv_heads: int = 0, hidden: int = 0
) -> Iterator[Rule]:
    """Yield the rules of the saved tensors of stretches, each once.

    Args:
        scope: where the block lies.
        stretches: what is carried over.
        path: of the block in the checkpoint.
        block: its attribute in the adapter.
        kv_heads: of the checkpoint.
        hidden: the hidden size.
    """
    for linear in dict.fromkeys(linear for stretch in stretches for linear in stretch.linears):
        yield from _linear(scope, linear, path, block, hidden)
    scope = scope.unscaled()
    for one in dict.fromkeys(one for stretch in stretches for one in stretch.parameters):
        yield _rule(scope, one, path, block, kv_heads)
    for norm in dict.fromkeys(norm for stretch in stretches for norm in stretch.norms):
        yield from norm_rules(scope, join(path, norm.path), norm.norm, norm.real, block)


def _linear(scope: Scope, one: CarriedLinear, path: str, block: str, hidden: int) -> Iterator[Rule]:
    name, target = join(path, one.path), join(block, one.attribute)
    rests = [("weight", (one.real, hidden)), *([("bias", (one.real,))] if one.bias.value else [])]
    for rest, shape in rests:
        if one.share:
            yield scope.column(f"{name}.{rest}", *shape, unit=one.unit, target=f"{target}.{rest}")
        else:
            yield scope.whole(f"{name}.{rest}", *shape, target=f"{target}.{rest}")


def _rule(scope: Scope, one: CarriedParameter, path: str, block: str, kv_heads: int) -> Rule:
    name, target = join(path, one.path), join(block, one.attribute)
    if one.axis is None:
        return scope.whole(name, *one.shape, target=target)
    split = KvHeads(kv_heads) if one.share == KV_HEADS else Even(one.unit)
    return scope.shared(name, one.shape, one.axis, split, target=target)
