"""Plain and gated MLPs."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaffold.carried.spec import Stretch
from scaffold.spec.norms import NormSpec
from scaffold.spec.values import Value

CARRIED_OVER = "carried over"
"""In the place of an activation."""


@dataclass(frozen=True)
class MlpSpec:
    """A feed-forward block: ``down(act(gate(x)) * up(x))``, or ``down(act(up(x)))`` without a gate.

    Attributes:
        name: the block's path in its layer; empty if its layers are the decoder layer's own.
        gate_name: empty without a gate; the same as ``up_name`` if one layer holds both, gate first.
        activation: a row of ``ACTIVATIONS``.
        inner_norm: a norm before ``down``.
        transposed: weights lie ``[in, out]``.
        carried: what happens between the projections where it is none of these forms; ``activation`` says so, then.
        activation_name: of an activation that has parameters.
    """

    name: str
    gate_name: str
    up_name: str
    down_name: str
    activation: Value
    intermediate_size: Value
    bias: Value
    down_bias: Value
    inner_norm: tuple[str, NormSpec] | None = None
    transposed: bool = False
    activation_name: str = ""
    carried: Stretch | None = None
    source: str = field(default="", compare=False)

    @property
    def gated(self) -> bool:
        """Return whether there is a gate."""
        return bool(self.gate_name)

    @property
    def packed(self) -> bool:
        """Return whether one layer holds gate and up."""
        return self.gate_name == self.up_name
