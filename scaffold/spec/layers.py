"""A decoder layer: a mixer, a feed-forward block, norms, and how values flow through them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from scaffold.spec.norms import NormSpec
from scaffold.spec.values import Value


class BlockSpec(Protocol):
    """What is known of any block of a layer, whatever its kind: its path in the layer, and its lines in the source."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...


MixerSpec = BlockSpec
"""What mixes tokens, such as attention. Its kind is a row of ``scaffold/mixers/table.py``."""
FeedForwardSpec = BlockSpec
"""What works on each token alone. Its kind is a row of ``scaffold/feed_forwards/table.py``."""


LAYER_INPUT = "x"
Sum = tuple[tuple[str, Value], ...]
"""What is added up, each with its factor: `LAYER_INPUT`, or by its name the output of an earlier child."""


@dataclass(frozen=True)
class Step:
    """One child of a decoder layer, and what flows into it."""

    name: str
    inputs: Sum


@dataclass(frozen=True)
class ScaleSpec:
    """A learned scale on a branch of a layer.

    Attributes:
        name: the saved tensor's path in its layer.
        of_one: it holds one number, else one for each entry.
        has_axis: it is a vector, else a tensor without axes.
    """

    name: str
    of_one: bool = False
    has_axis: bool = True


@dataclass(frozen=True)
class LayerSpec:
    """A decoder layer: its blocks, and how values flow through them.

    Attributes:
        mixer: what mixes tokens.
        feed_forward: what works on each token alone.
        norms: by name.
        steps: the layer's children in the order of their calls.
        output: what the layer returns, as a sum.
        scalar: a tensor of one number, by which that sum is multiplied; empty if there is none.
        scales: what multiplies what a child takes or gives; each is a step, as the layer's children are.
        listed: config keys of lists with a number for each layer, and the number that this layer was read with.
        beside: a second feed-forward block, with an input of its own.
        more_mixers: further mixers, each as ``mixer`` is but for its name, with inputs and weights of their own.
        more_beside: further feed-forward blocks, each as ``beside`` is but for its name.
    """

    mixer: MixerSpec
    feed_forward: FeedForwardSpec
    norms: tuple[tuple[str, NormSpec], ...]
    steps: tuple[Step, ...]
    output: Sum
    scalar: str = ""
    beside: FeedForwardSpec | None = None
    scales: tuple[ScaleSpec, ...] = ()
    more_mixers: tuple[MixerSpec, ...] = ()
    more_beside: tuple[FeedForwardSpec, ...] = ()
    listed: tuple[tuple[str, float], ...] = field(default=(), compare=False)
    source: str = field(default="", compare=False)

    @property
    def mixers(self) -> tuple[MixerSpec, ...]:
        """Return what mixes tokens."""
        return (self.mixer, *self.more_mixers)

    @property
    def feed_forwards(self) -> tuple[FeedForwardSpec, ...]:
        """Return what works on each token alone."""
        return (self.feed_forward, *(() if self.beside is None else (self.beside,)), *self.more_beside)
