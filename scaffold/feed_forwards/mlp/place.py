"""An MLP among other blocks: it holds none, and stays by itself."""

from __future__ import annotations

from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.feed_forwards.protocol import Inner
from scaffold.spec.layers import FeedForwardSpec


def joined(spec: MlpSpec, beside: FeedForwardSpec) -> None:
    """Return None: experts take an MLP beside them in, not the other way round."""


def inner(spec: MlpSpec) -> tuple[Inner, ...]:
    """Return the blocks inside of it."""
    return ()


def num_experts(spec: MlpSpec) -> int:
    """Return the number of its experts."""
    return 0
