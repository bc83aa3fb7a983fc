"""Grouped-query attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scaffold.carried.spec import CarriedHeads, Stretch
from scaffold.spec.norms import NormSpec
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value


@dataclass(frozen=True)
class SlopesSpec:
    """ALiBi's slopes: ``form`` is a row of ``SLOPES``; ``scaled`` if the softmax scale multiplies them, too."""

    form: str
    scaled: bool = False


@dataclass(frozen=True)
class QkNormSpec:
    """A norm on q and k, over each head or over the whole projection, before or after the rotation.

    Attributes:
        q_name: of the norm of q; of a list of norms where each head has its own.
        k_name: of that of k.
        norm: its form.
        per_head: it is over each head.
        before_rope: it comes before the rotation.
        of_each: each head has a norm with weights of its own.
    """

    q_name: str
    k_name: str
    norm: NormSpec
    per_head: bool
    before_rope: bool
    of_each: bool = False


@dataclass(frozen=True)
class ValueNormSpec:
    """A norm on v, over each head or over the whole projection."""

    name: str
    norm: NormSpec
    per_head: bool


@dataclass(frozen=True)
class ProjectionSpec:
    """Where q, k and v come from.

    Attributes:
        names: of the linear layers: three of q, k and v, or one that holds all. Where v is what the layer of k gives,
            before norm and rotation, the second and the third are one; so they are where one layer holds both.
        groups: of a packed projection: how many groups lie one after the other on disk: a number, or ``num_heads`` or
            ``num_kv_heads``.
        order: in which q (0), k (1) and v (2) lie in a group.
        kv_groups: where one layer holds k and v, and another q: how many groups of both lie one after the other on
            disk, as ``groups``; 0 where no layer does.
        kv_order: in which k (0) and v (1) lie in such a group.
        transposed: the weight lies ``[in, out]`` (transformers' Conv1D).
    """

    names: tuple[str, ...]
    groups: int | str = 1
    transposed: bool = False
    order: tuple[int, ...] = (0, 1, 2)
    kv_groups: int | str = 0
    kv_order: tuple[int, ...] = (0, 1)

    @property
    def packed(self) -> bool:
        """Return whether one layer holds all three."""
        return len(self.names) == 1

    @property
    def shares_kv(self) -> bool:
        """Return whether one layer of its own gives both k and v."""
        return not self.packed and not self.kv_groups and self.names[1] == self.names[2]


@dataclass(frozen=True)
class GateSpec:
    """A gate on the attention's output: it is multiplied by ``sigmoid`` of a projection of the block's input.

    Attributes:
        name: the linear layer.
        per_head: one number per head, else one per entry.
        bias: whether the layer has one.
        with_q: the layer is that of q: of each head it gives q first, and then the gate.
        in_halves: it gives q of all heads first, and then all gates; they are paired while they are loaded.
    """

    name: str
    per_head: bool
    bias: Value
    with_q: bool = False
    in_halves: bool = False


@dataclass(frozen=True)
class InitialLambda:
    """What a learned factor begins with in each layer: as an adapter writes it, and its number."""

    code: str
    number: Callable[[int], float]


INITIAL_LAMBDA = InitialLambda("0.8 - 0.6 * math.exp(-0.3 * layer_idx)", lambda n: 0.8 - 0.6 * math.exp(-0.3 * n))
"""As the paper of the Differential Transformer has it (arXiv 2410.05258), with layers from 0."""


@dataclass(frozen=True)
class DifferentialSpec:
    """Two attentions over the same q and k: each mixes one half of the KV heads' values.

    Of a pair of heads (one of the first half, one of the second) the output is
    ``(1 - initial) * norm(first - (exp(a * b) - exp(c * d) + initial) * second)``, where first and second are what
    both attentions give for each of them, ``[2 * head_dim]``.

    Attributes:
        vectors: the names of a, b, c, d ``[head_dim]``.
        norm_name: of the norm, over ``2 * head_dim`` entries.
        norm: its form.
    """

    vectors: tuple[str, str, str, str]
    norm_name: str
    norm: NormSpec


@dataclass(frozen=True)
class AttentionSpec:
    """Grouped-query attention.

    Attributes:
        name: the block's path in its layer.
        position_scale: a row of ``POSITION_SCALES`` by which q is multiplied, with its numbers.
        slopes: of ALiBi.
        window: positions that a token sees, itself included; None for all before it.
        clip: what the projections give is limited to ``[-clip, clip]``.
        chunk: positions of a chunk, outside of which a token sees none.
        carried: what happens to q, k and v where there is no idiom for it; ``rope`` is that of its tables, then.
        carried_output: what happens between the attention and its output projection, where there is no idiom for it.
        o_bias_name: of the output's bias, where the linear layer does not hold it.
        differential: it is two attentions, of which one is subtracted from the other.
        unbiased: those of q (0), k (1) and v (2) that have no bias where the others have one (``qkv_bias``).
    """

    name: str
    projection: ProjectionSpec
    o_name: str
    o_transposed: bool
    num_heads: Value
    num_kv_heads: Value
    head_dim: Value
    v_head_dim: Value
    scale: Value
    qkv_bias: Value
    o_bias: Value
    rope: RopeSpec | None
    qk_norm: QkNormSpec | None
    window: Value | None
    soft_cap: Value | None = None
    sinks: str | None = None
    slopes: SlopesSpec | None = None
    position_scale: tuple[str, tuple[Value, ...]] | None = None
    output_norm: tuple[str, NormSpec] | None = None
    gate: GateSpec | None = None
    value_scale: Value | None = None
    clip: Value | None = None
    o_bias_name: str = ""
    unbiased: tuple[int, ...] = ()
    v_norm: ValueNormSpec | None = None
    chunk: Value | None = None
    carried: CarriedHeads | None = None
    carried_output: Stretch | None = None
    differential: DifferentialSpec | None = None
    source: str = field(default="", compare=False)


def values_differ(layers: Iterable[AttentionSpec]) -> bool:
    """Return whether values have heads of another size than keys."""
    return any(layer.v_head_dim != layer.head_dim for layer in layers)
