"""What a kind of feed-forward block is: a module with the names below, and a row in ``table.py`` beside this file.

The kinds here are folders, with a file for each of the names; a kind may as well be a single file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scaffold.checkpoint.facts import Fact
from scaffold.idioms.frame import Frame
from scaffold.idioms.written import Written
from scaffold.probing.blocks import Block
from scaffold.probing.probe import Probe
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array
from scaffold.spec.layers import FeedForwardSpec
from scaffold.weights.disk import Disk
from scaffold.weights.rules import Rule
from scaffold.weights.scope import Scope


@dataclass(frozen=True)
class Call:
    """A call that may be a feed-forward block's.

    Attributes:
        event: the call; the layer's own, where its own linear layers, or a list of experts, make up the block.
        name: the block's path in the layer; empty in the latter case.
        parts: the calls of the latter case: of linear layers, and of experts.
        listed: whether experts are among them.
        given: what the block computes, ``[tokens, hidden]``, if that is not the call's result.
    """

    event: Event
    name: str
    parts: tuple[Event, ...] = ()
    given: Array | None = None
    listed: bool = False


@dataclass(frozen=True)
class Inner:
    """A block inside of one of another kind, which sums up over the ranks what both give.

    Attributes:
        spec: what it is.
        gated: what it gives is multiplied by the sigmoid of one number per token.
    """

    spec: FeedForwardSpec
    gated: bool


@dataclass(frozen=True)
class Example:
    """A block of the kind, as modeling source has it, and what is read of it.

    Attributes:
        source: a class ``FeedForward(config, layer_idx)``; its call takes and returns ``[batch, tokens, hidden]``.
        config: keys that it reads beside those of any decoder.
        spec: what is read of it.
        num_experts: that tokens choose from.
    """

    source: str
    config: Mapping[str, Any]
    spec: FeedForwardSpec
    num_experts: int = 0


class FeedForward(Protocol):
    """A kind of feed-forward block. ``spec`` is always an instance of its own ``Spec``."""

    @property
    def NAME(self) -> str:  # noqa: N802
        """Return the kind's name in the field's words."""

    @property
    def CHOOSES(self) -> bool:  # noqa: N802
        """Return whether each token chooses among parts of a block of this kind."""

    @property
    def Spec(self) -> type[Any]:  # noqa: N802
        """Return the dataclass of what is known of a block of this kind."""

    @property
    def EXAMPLE(self) -> Example:  # noqa: N802
        """Return the kind's own test."""

    def reads(self, probe: Probe, call: Call) -> bool:
        """Return whether a call is that of a block of this kind. Kinds are asked in the order of the table."""

    def read(self, probe: Probe, call: Call) -> Block[FeedForwardSpec]:
        """Read a block.

        Raises:
            NotUnderstood: part of it is of no known form.
        """

    def joined(self, spec: Any, beside: FeedForwardSpec) -> FeedForwardSpec | None:
        """Return the one block that ``spec`` makes up with a block which takes the same; None if they stay two.

        What both give is summed.
        """

    def inner(self, spec: Any) -> tuple[Inner, ...]:
        """Return the blocks of other kinds that lie inside."""

    def num_experts(self, spec: Any) -> int:
        """Return the number of experts that tokens choose from; 0 without a choice."""

    def facts(self, spec: Any, which: str) -> Iterator[Fact]:
        """Yield what people read of it; the names end with ``which``, the layers that have it."""

    def rules(self, scope: Scope, spec: Any, hidden: int, disk: Disk) -> Iterator[Rule]:
        """Yield its weight rules; ``hidden`` is the hidden size."""

    def write(self, layers: Sequence[Any], inner: Sequence[Inner], name: str, frame: Frame) -> Written:
        """Return its part of an adapter.

        Args:
            layers: the block of each layer, None at the place of a layer with another kind.
            inner: blocks of this kind that lie inside of others.
            name: the attribute of a layer that holds the block; its ``forward`` takes the hidden states.
            frame: what surrounds it.

        Raises:
            NotUnderstood: there is no idiom for it yet.
        """
