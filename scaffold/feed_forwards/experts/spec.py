"""Routed experts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from scaffold.carried.spec import Stretch
from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.spec.values import Value


@dataclass(frozen=True)
class RouterSpec:
    """How a token chooses its experts.

    Attributes:
        scoring: a row of ``SCORINGS``.
        carried: what happens to the logits before they are scored, where that is more than nothing.
    """

    name: str
    weight_name: str
    scoring: str
    correction_bias: str | None
    num_groups: Value | None
    topk_group: Value | None
    top_k: Value
    renormalize: Value
    scaling: Value
    bias: bool = False
    carried: Stretch | None = None
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class ExpertsSpec:
    """Routed experts, with shared ones beside them if there are any.

    Attributes:
        up_name: of the tensor ``[experts, 2 inner, hidden]`` that holds gate and up; where each expert is a module of
            its own, the pattern of those that hold up, ``{expert}`` for the expert's number.
        gate_name: where each expert is a module of its own, the pattern of the tensors that hold the gate, which is
            that of ``up_name`` if one layer of an expert holds both, gate first; the tensor that does, where all lie in
            rows; else empty.
        in_rows: gate, up and down are a matrix ``[experts * inner, hidden]`` each, expert after expert.
        bias: whether experts have biases, in tensors named like the weights, with ``_bias`` appended.
        output_bias: the name of a vector that is added to what the block gives; empty if none is.
        alternating: rows of gate and up alternate.
        limits: the numbers of an activation that has some.
        transposed: the tensors are ``[experts, in, out]``.
        shared_gate: a linear layer to one number, the sigmoid of which the shared experts are multiplied by.
        weighs_input: each expert is given the token multiplied by its weight, and what they make is added as it is.
        identities: the number of identity experts, which tokens choose as they choose others, and get themselves from;
            the router has them behind the others.
        longer: gate and up have entries for identity experts too, which nothing is computed with.
        shared_beside: the shared experts are a part of the layer, not of the block, and named so.
    """

    name: str
    experts_name: str
    up_name: str
    down_name: str
    transposed: bool
    num_experts: Value
    intermediate_size: Value
    activation: Value
    router: RouterSpec
    shared: MlpSpec | None
    shared_gate: str | None = None
    shared_beside: bool = False
    bias: bool = False
    output_bias: str = ""
    alternating: bool = False
    limits: tuple[Value, ...] = ()
    gate_name: str = ""
    in_rows: bool = False
    weighs_input: bool = False
    identities: Value | None = None
    longer: bool = False
    source: str = field(default="", compare=False)

    def laid_out_like(self, other: ExpertsSpec) -> ExpertsSpec:
        """Return the same computation in the layout of ``other``, where just one of them has a module per expert.

        One code has a module for each expert, a later one has a tensor of all: that is how weights are kept, not what
        is computed with them, and which names a class takes is held against the files.
        """
        if self.is_listed == other.is_listed:
            return self
        return replace(
            self,
            up_name=other.up_name,
            down_name=other.down_name,
            gate_name=other.gate_name,
            transposed=other.transposed,
            alternating=other.alternating,
            in_rows=other.in_rows,
        )

    @property
    def num_choices(self) -> int:
        """Return the number of experts that a router chooses from, with identity experts."""
        return int(self.num_experts.value) + (0 if self.identities is None else int(self.identities.value))

    @property
    def is_listed(self) -> bool:
        """Return whether each expert is a module of its own, with tensors of its own."""
        return bool(self.gate_name) and not self.in_rows

    @property
    def is_packed(self) -> bool:
        """Return whether each expert is a module of its own, of which one layer holds gate and up."""
        return self.is_listed and self.gate_name == self.up_name
