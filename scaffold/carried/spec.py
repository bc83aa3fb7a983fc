"""What is carried over from the source into an adapter."""

from __future__ import annotations

from dataclasses import dataclass

from scaffold.spec.norms import NormSpec
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value

WHOLE, HEADS, KV_HEADS, INNER = "", "heads", "kv_heads", "inner"
"""How ranks share an axis: not at all; by heads of q; by heads of k and v; by the inner size of an MLP."""


@dataclass(frozen=True)
class CarriedParameter:
    """A saved tensor that carried statements use.

    Attributes:
        path: below its block in the checkpoint.
        attribute: what the adapter calls it.
        shape: of the checkpoint.
        local: for each axis, Python of its length on a rank.
        axis: the one that ranks share, None for none.
        share: how they share it.
        unit: entries of that axis that stay together.
    """

    path: str
    attribute: str
    shape: tuple[int, ...]
    local: tuple[str, ...]
    axis: int | None = None
    share: str = WHOLE
    unit: int = 1


@dataclass(frozen=True)
class CarriedNorm:
    """A norm of a known form that carried statements call: over entries that every rank holds.

    Attributes:
        path: below its block.
        attribute: what the adapter calls it.
        norm: the form.
        size: Python of the number of entries.
        real: that of the checkpoint.
    """

    path: str
    attribute: str
    norm: NormSpec
    size: str
    real: int


@dataclass(frozen=True)
class CarriedLinear:
    """A projection of the block's input that carried statements read, such as a gate.

    Attributes:
        path: below its block.
        attribute: what the adapter calls it.
        name: what holds what it gives.
        size: Python of its outputs, of all ranks.
        real: those of the checkpoint.
        bias: whether it has one.
        share: how ranks share its outputs.
        unit: outputs that stay together.
    """

    path: str
    attribute: str
    name: str
    size: str
    real: int
    bias: Value
    share: str = WHOLE
    unit: int = 1


@dataclass(frozen=True)
class Stretch:
    """Statements between two boundaries, in the adapter's layout ``[tokens, …]``, sizes those of a rank.

    Attributes:
        linears: whose outputs they read, called before them.
        lines: Python, with a comment that says where the source has it.
        parameters: that they use.
        norms: that they call.
        needs_config: they read ``self.config``.
        tables: statements before them, which read the tables of cos and sin of the positions.
    """

    lines: tuple[str, ...] = ()
    parameters: tuple[CarriedParameter, ...] = ()
    norms: tuple[CarriedNorm, ...] = ()
    needs_config: bool = False
    tables: tuple[str, ...] = ()
    linears: tuple[CarriedLinear, ...] = ()


NOTHING = Stretch()


@dataclass(frozen=True)
class CarriedHeads:
    """What happens to q, k and v between their projections and the attention.

    Attributes:
        before: what comes before the rotation; all of it where there is none.
        rotated: q and k are rotated as vLLM rotates them.
        after: what comes after the rotation.
        rope: of the rotation, or of the tables of cos and sin that the statements read.
    """

    before: tuple[Stretch, ...]
    rotated: bool
    after: tuple[Stretch, ...]
    rope: RopeSpec | None
