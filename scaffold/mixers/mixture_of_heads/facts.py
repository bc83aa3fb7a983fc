"""What people read of a mixture of attention heads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.expressions.tree import HEAD_DIM
from scaffold.feed_forwards.experts.facts import router_in_words
from scaffold.mixers.mixture_of_heads.spec import MixtureOfHeadsSpec
from scaffold.spec.facts import keys_of, rope_fact, source


def facts(spec: MixtureOfHeadsSpec, which: str, config: Mapping[str, Any]) -> Iterator[Fact]:
    """Yield heads and experts, projections, router, scale, biases and rotation."""
    origin = source(spec.source)
    heads = f"mixture of heads (MoA): {spec.top_k.value} of {spec.num_experts.value} experts, "
    heads += f"{spec.num_kv_heads.value} KV heads of {spec.head_dim.value}"
    sizes = (*keys_of(spec.top_k), *keys_of(spec.num_experts), *keys_of(spec.num_kv_heads))
    yield Fact(f"attention{which}", heads, (origin, *sizes))
    layout = "q and output of all experts stacked"
    layout += ", k and v in one layer" if len(spec.kv_names) == 1 else ""
    names = (spec.q_name, *spec.kv_names, spec.o_name)
    yield Fact(f"projections of q, k, v{which}", layout, tuple(Evidence("tensor", name) for name in names))
    yield Fact(f"router of heads{which}", ", ".join(router_in_words(spec.router)), (source(spec.router.source),))
    scale = "1 / sqrt of the head size" if spec.scale.tree == HEAD_DIM**-0.5 else spec.scale.code
    yield Fact(f"softmax scale{which}", scale, (origin, *keys_of(spec.scale)))
    bias = f"k/v {spec.kv_bias.value}, output {bool(spec.o_bias)}"
    yield Fact(f"attention bias{which}", bias, (origin, *keys_of(spec.kv_bias)))
    yield from rope_fact(config, spec.rope, which, origin)
