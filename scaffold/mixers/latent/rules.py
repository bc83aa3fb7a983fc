"""The weight rules of latent attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scaffold.idioms.frame import Target
from scaffold.mixers.latent.spec import LatentAttentionSpec
from scaffold.weights.norm_rules import norm_rules
from scaffold.weights.rules import Rule
from scaffold.weights.scope import Scope
from scaffold.weights.targets import FUSED_LATENTS, attribute, join


def rules(scope: Scope, spec: LatentAttentionSpec, hidden: int, target: Target) -> Iterator[Rule]:
    """Yield the rules of a block.

    vLLM's MLA wrapper, which keeps latents in the cache, wants the first projections of q and of k and v as one layer.
    """
    block = attribute(spec.name)
    shards = {}
    if target.cached_latents and spec.q_norm is not None:
        shards = {join(block, attribute(name)): n for n, name in enumerate((spec.q_names[0], spec.kv_a_name))}
    for rule in _separate(scope, spec, hidden):
        begin = scope.source if scope.target is None else scope.target
        module, _, ending = rule.target.removeprefix(begin).rpartition(".")
        if module in shards:
            fused = f"{begin}{join(block, FUSED_LATENTS)}.{ending}"
            rule = replace(rule, target=fused, parts=(replace(rule.parts[0], shard=shards[module]),))
        yield rule


def _separate(scope: Scope, spec: LatentAttentionSpec, hidden: int) -> Iterator[Rule]:
    heads, nope, rope = (int(v.value) for v in (spec.num_heads, spec.qk_nope_head_dim, spec.qk_rope_head_dim))
    v_size, rank = int(spec.v_head_dim.value), int(spec.kv_lora_rank.value)
    block = attribute(spec.name)

    def names(path: str) -> tuple[str, str]:
        return join(spec.name, path), join(block, attribute(path))

    inputs = hidden
    if spec.q_norm is not None and spec.q_lora_rank is not None:
        inputs = int(spec.q_lora_rank.value)
        source, target = names(spec.q_names[0])
        yield scope.whole(f"{source}.weight", inputs, hidden, target=f"{target}.weight")
        if spec.bias.value:
            yield scope.whole(f"{source}.bias", inputs, target=f"{target}.bias")
        yield from norm_rules(scope, join(spec.name, spec.q_norm[0]), spec.q_norm[1], inputs, block)
    source, target = names(spec.q_names[-1])
    yield scope.column(f"{source}.weight", heads * (nope + rope), inputs, unit=nope + rope, target=f"{target}.weight")
    source, target = names(spec.kv_a_name)
    yield scope.whole(f"{source}.weight", rank + rope, hidden, target=f"{target}.weight")
    if spec.bias.value:
        yield scope.whole(f"{source}.bias", rank + rope, target=f"{target}.bias")
    yield from norm_rules(scope, join(spec.name, spec.kv_norm[0]), spec.kv_norm[1], rank, block)
    source, target = names(spec.kv_b_name)
    yield scope.column(f"{source}.weight", heads * (nope + v_size), rank, unit=nope + v_size, target=f"{target}.weight")
    source, target = names(spec.o_name)
    yield scope.row(f"{source}.weight", hidden, heads * v_size, unit=v_size, target=f"{target}.weight")
    if spec.o_bias.value:
        yield scope.whole(f"{source}.bias", hidden, target=f"{target}.bias")
