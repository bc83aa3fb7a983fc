"""What is carried over from the source into an adapter."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaffold.spec.norms import NormSpec
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value

WHOLE, HEADS, KV_HEADS, INNER = "", "heads", "kv_heads", "inner"
"""How ranks share an axis: not at all; by heads of q; by heads of k and v; by the inner size of an MLP."""


TAKEN = frozenset({
    "act_fn", "attn", "config", "down_proj", "gate_up_proj", "head_dim", "intermediate_size", "kv_size", "num_heads",
    "num_kv_heads", "q_size", "qkv_proj", "rotary_emb", "scaling", "total_num_heads", "total_num_kv_heads", "use_rope",
    "use_position_scale", "v_head_dim",
})  # fmt: skip
"""Attributes that classes of adapters have for something else."""


def attribute_of(path: str) -> str:
    """Return what an adapter calls what carried statements use, by its path below its block."""
    name = path.replace(".", "_")
    return f"{name}_weight" if name in TAKEN else name


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
        lines: Python.
        source: file and lines of it.
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
    source: str = field(default="", compare=False)

    @property
    def commented(self) -> tuple[str, ...]:
        """Return the statements with a comment that says where the source has them."""
        return (f"# {self.source}", *self.lines) if self.lines and self.source else self.lines


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
