"""What people read of routed experts."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.feed_forwards.experts.spec import ExpertsSpec, RouterSpec
from scaffold.feed_forwards.mlp.facts import mlp_fact
from scaffold.spec.facts import keys_of, source


def facts(spec: ExpertsSpec, which: str) -> Iterator[Fact]:
    """Yield experts, router and shared experts."""
    router = spec.router
    shown = f"{spec.num_experts.value} of inner size {spec.intermediate_size.value}, {router.top_k.value} per token"
    yield Fact(f"experts{which}", shown, (source(spec.source), *keys_of(spec.num_experts), *keys_of(router.top_k)))
    if spec.identities is not None:
        said = f"{spec.identities.value}, of which a token gets itself"
        yield Fact(f"identity experts{which}", said, (source(spec.source), *keys_of(spec.identities)))
    layout = "one by one" if spec.is_listed else "stacked"
    layout += ", transposed" if spec.transposed else ""
    layout += ", gate and up in turn" if spec.alternating else ""
    layout += ", given their input weighted" if spec.weighs_input else ""
    layout += ", a bias on their sum" if spec.output_bias else ""
    yield Fact(f"experts in the source{which}", layout, (source(spec.source),))
    yield Fact(f"router{which}", ", ".join(router_in_words(router)), (source(router.source),))
    if spec.shared is not None:
        yield mlp_fact(f"shared experts{which}", spec.shared)
    if spec.shared_gate is not None:
        yield Fact(f"gate of the shared experts{which}", "sigmoid", (Evidence("tensor", spec.shared_gate),))


def router_in_words(router: RouterSpec) -> Iterator[str]:
    """Yield what people read of how tokens choose."""
    if router.carried is not None:
        yield "logits by statements of the source, carried over"
    yield router.scoring
    if router.correction_bias:
        yield "correction bias"
    if router.num_groups and router.topk_group and router.num_groups.value > 1:
        yield f"{router.topk_group.value} of {router.num_groups.value} groups"
    yield "renormalised" if router.renormalize.value else "not renormalised"
    yield f"scaled by {router.scaling.value:g}"
