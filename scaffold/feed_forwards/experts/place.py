"""Experts among other blocks: they hold shared experts, which are an MLP."""

from __future__ import annotations

from dataclasses import replace

from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.feed_forwards.protocol import Inner
from scaffold.spec.layers import FeedForwardSpec


def joined(spec: ExpertsSpec, beside: FeedForwardSpec) -> ExpertsSpec | None:
    """Return the experts with an MLP beside them as their shared experts."""
    if spec.shared is not None or not isinstance(beside, MlpSpec):
        return None
    return replace(spec, shared=beside, shared_beside=True)


def inner(spec: ExpertsSpec) -> tuple[Inner, ...]:
    """Return the shared experts."""
    return () if spec.shared is None else (Inner(spec.shared, spec.shared_gate is not None),)


def num_experts(spec: ExpertsSpec) -> int:
    """Return the number of routed experts."""
    return int(spec.num_experts.value)
