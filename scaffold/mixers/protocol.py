"""What a kind of mixer is: a module with the names below, and a row in ``table.py`` beside this file.

The kinds here are folders, with a file for each of the names; a kind may as well be a single file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scaffold.checkpoint.facts import Fact
from scaffold.idioms.frame import Frame, Target
from scaffold.idioms.written import Written
from scaffold.probing.blocks import Block
from scaffold.probing.probe import Probe
from scaffold.source.torch.events import Event
from scaffold.spec.kept import Kept
from scaffold.spec.layers import MixerSpec
from scaffold.weights.rules import Rule
from scaffold.weights.scope import Scope


@dataclass(frozen=True)
class Example:
    """A mixer of the kind, as modeling source has it, and what is read of it.

    Attributes:
        source: a class ``Mixer(config, layer_idx)``; its call takes ``hidden_states [batch, tokens, hidden]``, ``turn``
            (cos and sin of the rotation, ``[tokens, half a head]``) and ``mask``, and returns what its input is like.
        config: keys that it reads beside those of any decoder.
        spec: what is read of it.
        kept: what a layer of it keeps of each sequence.
    """

    source: str
    config: Mapping[str, Any]
    spec: MixerSpec
    kept: Kept


class Mixer(Protocol):
    """A kind of mixer. ``spec`` is always an instance of its own ``Spec``, and so is each of ``layers``."""

    @property
    def NAME(self) -> str:  # noqa: N802
        """Return the kind's name in the field's words."""

    @property
    def CLASS(self) -> str:  # noqa: N802
        """Return how its class in an adapter ends; a second kind with that ending gets the kind's name before it."""

    @property
    def RUNS_AGAIN(self) -> bool:  # noqa: N802
        """Return whether its class keeps what it keeps for each run apart, in layers that run more than once.

        Its ``forward`` then takes ``run`` behind ``positions``.
        """

    @property
    def SEVERAL(self) -> bool:  # noqa: N802
        """Return whether a layer may have several: its class takes ``attn_prefix`` where ``frame.mixers`` is not 1.

        What keeps something for each sequence is named by that, with a number of its own.
        """

    @property
    def Spec(self) -> type[Any]:  # noqa: N802
        """Return the dataclass of what is known of a mixer of this kind."""

    @property
    def COMPUTED(self) -> tuple[str, ...]:  # noqa: N802
        """Return the names, below the block, of tables that older checkpoints hold and vLLM computes itself."""

    @property
    def EXAMPLE(self) -> Example:  # noqa: N802
        """Return the kind's own test."""

    def reads(self, probe: Probe, event: Event) -> bool:
        """Return whether a call is that of a mixer of this kind. Kinds are asked in the order of the table."""

    def read(self, probe: Probe, event: Event, name: str) -> Block[MixerSpec]:
        """Read the block whose call is ``event`` and whose path in its layer is ``name``.

        Raises:
            NotUnderstood: part of it is of no known form.
        """

    def facts(self, spec: Any, which: str, config: Mapping[str, Any]) -> Iterator[Fact]:
        """Yield what people read of it; the names end with ``which``, the layers that have it."""

    def rules(self, scope: Scope, spec: Any, hidden: int, target: Target) -> Iterator[Rule]:
        """Yield its weight rules; ``hidden`` is the hidden size."""

    def write(self, layers: Sequence[Any], class_name: str, frame: Frame) -> Written:
        """Return its part of an adapter. ``layers`` has None at the place of a layer with another kind.

        The class takes ``config``, ``cache_config``, ``quant_config`` and ``prefix``; its ``forward`` takes
        ``positions`` and ``hidden_states``.

        Raises:
            NotUnderstood: there is no idiom for it yet.
        """

    def kept(self, spec: Any) -> Kept:
        """Return what a layer keeps of each sequence: the kind's row of capacity."""
