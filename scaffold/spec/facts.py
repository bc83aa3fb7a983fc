"""The words of a model spec: values with their config key, blocks, facts with evidence, holes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scaffold.checkpoint.facts import Evidence as Evidence
from scaffold.checkpoint.facts import Fact as Fact
from scaffold.expressions.python import write
from scaffold.expressions.tree import Expression, Key, Literal


@dataclass(frozen=True)
class Value:
    """A number, word or switch of the model.

    Attributes:
        value: what it is for this checkpoint.
        key: the config key that holds it, if one does.
        expression: where it is computed from keys: ``config.hidden_size**0.5``.
    """

    value: Any
    key: str | None = None
    expression: Expression | None = None

    @property
    def tree(self) -> Expression:
        """Return what an adapter writes: from its config where it has a key, else a literal."""
        if self.expression is not None:
            return self.expression
        return Key((self.key,)) if self.key else Literal(self.value)

    @property
    def code(self) -> str:
        """Return how an adapter writes it where it has the config as ``config``."""
        return write(self.tree)


ONE = Value(1.0)
"""A factor that changes nothing."""


@dataclass(frozen=True)
class Hole:
    """Something that the evidence does not determine. It is reported, never guessed."""

    where: str
    what: str
    evidence: str = ""


@dataclass(frozen=True)
class NormSpec:
    """A normalisation: ``form`` is a row of ``NORM_FORMS``."""

    form: str
    eps: Value
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class RopeSpec:
    """A rotation of q and k.

    Attributes:
        style: a row of ``ROTATIONS``.
        rotary_dim: entries of each head that are rotated, the first ones.
        head_dim: entries of each head.
        parameters: the mapping that holds theta and scaling: ``config.rope_parameters``, a part of it.
        fraction: the rotated part where the parameters do not say it; None if they do, or all is rotated.
        layer_theta: the config key of a list with one theta for each layer, and the theta that was seen.
    """

    style: str
    rotary_dim: int
    head_dim: int
    parameters: Expression
    fraction: Expression | None = None
    layer_theta: tuple[str, float] | None = field(default=None, compare=False)
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class SlopesSpec:
    """ALiBi's slopes: ``form`` is a row of ``SLOPES``; ``scaled`` if the softmax scale multiplies them, too."""

    form: str
    scaled: bool = False


@dataclass(frozen=True)
class QkNormSpec:
    """A norm on q and k, over each head or over the whole projection, before or after the rotation."""

    q_name: str
    k_name: str
    norm: NormSpec
    per_head: bool
    before_rope: bool


@dataclass(frozen=True)
class ProjectionSpec:
    """Where q, k and v come from.

    Attributes:
        names: of the linear layers: three of q, k and v, or one that holds all.
        groups: of a packed projection: how many groups lie one after the other on disk: a number, or ``num_heads`` or
            ``num_kv_heads``.
        order: in which q (0), k (1) and v (2) lie in a group.
        transposed: the weight lies ``[in, out]`` (transformers' Conv1D).
    """

    names: tuple[str, ...]
    groups: int | str = 1
    transposed: bool = False
    order: tuple[int, ...] = (0, 1, 2)

    @property
    def packed(self) -> bool:
        """Return whether one layer holds all three."""
        return len(self.names) == 1


@dataclass(frozen=True)
class AttentionSpec:
    """Grouped-query attention.

    Attributes:
        name: the block's path in its layer.
        position_scale: a row of ``POSITION_SCALES`` by which q is multiplied, with its numbers.
        slopes: of ALiBi.
        window: positions that a token sees, itself included; None for all before it.
        clip: what the projections give is limited to ``[-clip, clip]``.
        o_bias_name: of the output's bias, where the linear layer does not hold it.
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
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class GateSpec:
    """A gate on the attention's output: it is multiplied by ``sigmoid`` of a projection of the block's input.

    Attributes:
        name: the linear layer.
        per_head: one number per head, else one per entry.
        bias: whether the layer has one.
    """

    name: str
    per_head: bool
    bias: Value


@dataclass(frozen=True)
class LatentAttentionSpec:
    """Multi-head latent attention (DeepSeek): low-rank projections, a rotated part of k that all heads share.

    Attributes:
        q_names: of one layer, or of the two around a norm.
        rope: how the rotated part of q and k turns; its parameters.
    """

    name: str
    q_names: tuple[str, ...]
    q_norm: tuple[str, NormSpec] | None
    kv_a_name: str
    kv_norm: tuple[str, NormSpec]
    kv_b_name: str
    o_name: str
    num_heads: Value
    qk_nope_head_dim: Value
    qk_rope_head_dim: Value
    v_head_dim: Value
    q_lora_rank: Value | None
    kv_lora_rank: Value
    scale: Value
    q_scale: Value
    kv_scale: Value
    bias: Value
    o_bias: Value
    rope: RopeSpec
    num_kv_heads: Value
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class MlpSpec:
    """A feed-forward block: ``down(act(gate(x)) * up(x))``, or ``down(act(up(x)))`` without a gate.

    Attributes:
        name: the block's path in its layer; empty if its layers are the decoder layer's own.
        gate_name: empty without a gate; the same as ``up_name`` if one layer holds both, gate first.
        activation: a row of ``ACTIVATIONS``.
        inner_norm: a norm before ``down``.
        transposed: weights lie ``[in, out]``.
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
    source: str = field(default="", compare=False)

    @property
    def gated(self) -> bool:
        """Return whether there is a gate."""
        return bool(self.gate_name)

    @property
    def packed(self) -> bool:
        """Return whether one layer holds gate and up."""
        return self.gate_name == self.up_name


@dataclass(frozen=True)
class RouterSpec:
    """How a token chooses its experts. ``scoring`` is a row of ``SCORINGS``."""

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
    scales_input: bool = False
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class ExpertsSpec:
    """Routed experts, with shared ones beside them if there are any.

    Attributes:
        up_name: of the tensor ``[experts, 2 inner, hidden]`` that holds gate and up; where each expert is a module of
            its own, the pattern of those that hold up, ``{expert}`` for the expert's number.
        gate_name: where each expert is a module of its own, the pattern of the tensors that hold the gate; else empty.
        bias: whether experts have biases, in tensors named as the weights with ``_bias`` behind.
        alternating: rows of gate and up alternate.
        limits: the numbers of an activation that has some.
        transposed: the tensors are ``[experts, in, out]``.
        shared_gate: a linear layer to one number, the sigmoid of which the shared experts are multiplied by.
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
    alternating: bool = False
    limits: tuple[Value, ...] = ()
    gate_name: str = ""
    source: str = field(default="", compare=False)

    @property
    def is_listed(self) -> bool:
        """Return whether each expert is a module of its own, with tensors of its own."""
        return bool(self.gate_name)


FeedForwardSpec = MlpSpec | ExpertsSpec
AnyAttentionSpec = AttentionSpec | LatentAttentionSpec


@dataclass(frozen=True)
class Step:
    """One child of a decoder layer and what flows into it: ``(source, coefficient)`` pairs.

    A source is ``x`` (the layer's input) or the name of an earlier child (its output).
    """

    name: str
    inputs: tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class LayerSpec:
    """A decoder layer: its blocks, and how values flow through them."""

    attention: AnyAttentionSpec
    feed_forward: FeedForwardSpec
    norms: tuple[tuple[str, NormSpec], ...]
    steps: tuple[Step, ...]
    output: tuple[tuple[str, Value], ...]
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class EmbeddingSpec:
    """How token ids become the first layer's input.

    Attributes:
        scale: by which the token's vector is multiplied.
        positions: a learned table's name and the number that is added to positions.
        sinusoid: a row of ``SINUSOIDS`` and the number that is added to positions.
        norm: behind the sum.
    """

    name: str
    scale: Value
    positions: tuple[str, int] | None = None
    sinusoid: tuple[str, int] | None = None
    num_positions: Value | None = None
    norm: tuple[str, NormSpec] | None = None


@dataclass(frozen=True)
class DecoderSpec:
    """A decoder-only language model.

    Attributes:
        layers: one entry for each layer of the checkpoint.
        text_key: where ``config.json`` has the text config inside of it; empty where it is the whole.
        config: the checkpoint's text config, with what its class adds.
    """

    base_name: str
    embedding: EmbeddingSpec
    layers_name: str
    norm_name: str
    head_name: str
    norm: NormSpec | None
    layers: tuple[LayerSpec, ...]
    hidden_size: Value
    num_layers: Value
    vocab_size: Value
    tied: Value
    head_bias: bool
    logits_scale: Value
    logits_soft_cap: Value | None
    text_key: str = ""
    config: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def layer(self) -> LayerSpec:
        """Return the first layer."""
        return self.layers[0]


@dataclass(frozen=True)
class ModelSpec:
    """All that was found out about a checkpoint's model."""

    architecture: str
    model_type: str
    source_class: str | None
    config_class: str | None
    decoder: DecoderSpec | None
    modalities: tuple[str, ...]
    facts: tuple[Fact, ...]
    holes: tuple[Hole, ...]
