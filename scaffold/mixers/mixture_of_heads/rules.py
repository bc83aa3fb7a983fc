"""The weight rules of a mixture of attention heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaffold.idioms.frame import Target
from scaffold.mixers.mixture_of_heads.names import O_EXPERTS, Q_EXPERTS, ROUTER
from scaffold.mixers.mixture_of_heads.spec import MixtureOfHeadsSpec
from scaffold.weights.rules import KV_SHARDS, Part, Rule
from scaffold.weights.scope import Scope
from scaffold.weights.splits import KvHeads
from scaffold.weights.targets import KV, attribute, join


def rules(scope: Scope, spec: MixtureOfHeadsSpec, hidden: int, target: Target) -> Iterator[Rule]:
    """Yield the rules of a block. Ranks share the KV heads, and with them the heads of q of all experts."""
    experts, kv_heads, size = (int(v.value) for v in (spec.num_experts, spec.num_kv_heads, spec.head_dim))
    width, block, plain = kv_heads * size, attribute(spec.name), scope.unscaled()
    for name, ours, width_first in (
        (spec.q_name, Q_EXPERTS, not spec.q_transposed),
        (spec.o_name, O_EXPERTS, spec.o_transposed),
    ):
        shape = (experts, width, hidden) if width_first else (experts, hidden, width)
        yield plain.shared(join(spec.name, name), shape, 2 - width_first, KvHeads(kv_heads), join(block, ours))
    yield from _key_values(scope, spec, width, "weight", hidden)
    if spec.kv_bias.value:
        yield from _key_values(scope, spec, width, "bias")
    if spec.o_bias:
        yield plain.whole(join(spec.name, spec.o_bias), hidden, target=join(block, attribute(spec.o_bias)))
    router, gate = join(spec.name, spec.router.name), join(block, ROUTER)
    yield plain.whole(join(router, spec.router.weight_name), experts, hidden, target=f"{gate}.weight")
    if spec.router.bias:
        yield plain.whole(join(router, "bias"), experts, target=f"{gate}.bias")


def _key_values(scope: Scope, spec: MixtureOfHeadsSpec, width: int, what: str, *inputs: int) -> Iterator[Rule]:
    """Yield the rules of what holds k and v, which are the two shards of one parameter."""
    parts = [Part(shard, width, KvHeads(int(spec.num_kv_heads.value))) for shard in KV_SHARDS]
    of_each: Sequence[Sequence[Part]] = [parts] if len(spec.kv_names) == 1 else [[part] for part in parts]
    for name, some in zip(spec.kv_names, of_each, strict=True):
        target = f"{join(attribute(spec.name), KV)}.{what}"
        yield scope.pieces(f"{join(spec.name, name)}.{what}", some, *inputs, target=target)
