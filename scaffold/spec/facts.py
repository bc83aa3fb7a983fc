"""The words of a model spec: values with their config key, blocks, facts with evidence, holes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Value:
    """A number, word or switch of the model. ``key`` is the config key that holds it, if one does."""

    value: Any
    key: str | None = None

    @property
    def code(self) -> str:
        """Return how an adapter writes it: from its config where it has a key, else as a literal."""
        return f"config.{self.key}" if self.key else repr(self.value)


@dataclass(frozen=True)
class Evidence:
    """What proves a fact: ``kind`` is ``config``, ``tensor`` or ``source``; ``where`` a key, a name or lines."""

    kind: str
    where: str
    shows: str = ""


@dataclass(frozen=True)
class Fact:
    """One thing that is known of the model."""

    name: str
    value: str
    evidence: tuple[Evidence, ...]


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
    """A rotation of q and k. ``style`` is a row of ``ROTATIONS``; ``fraction`` of the head that is rotated."""

    style: str
    fraction: float
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class QkNormSpec:
    """A norm on q and k, over each head or over the whole projection, before or after the rotation."""

    q_name: str
    k_name: str
    norm: NormSpec
    per_head: bool
    before_rope: bool


@dataclass(frozen=True)
class AttentionSpec:
    """Grouped-query attention with separate projections."""

    name: str
    q_name: str
    k_name: str
    v_name: str
    o_name: str
    num_heads: Value
    num_kv_heads: Value
    head_dim: Value
    scale: str
    qkv_bias: Value
    o_bias: Value
    rope: RopeSpec | None
    qk_norm: QkNormSpec | None
    sliding_window: Value | None
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class MlpSpec:
    """A gated feed-forward block: ``down(act(gate(x)) * up(x))``."""

    name: str
    gate_name: str
    up_name: str
    down_name: str
    activation: Value
    intermediate_size: Value
    bias: Value
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class RouterSpec:
    """How a token chooses its experts. ``scoring`` is a row of ``SCORINGS``."""

    name: str
    scoring: str
    correction_bias: str | None
    num_groups: Value | None
    topk_group: Value | None
    top_k: Value
    renormalize: Value
    scaling: Value
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class ExpertsSpec:
    """Routed experts, with shared ones beside them if there are any."""

    name: str
    experts_name: str
    num_experts: Value
    intermediate_size: Value
    activation: Value
    router: RouterSpec
    shared: MlpSpec | None
    num_shared_experts: Value | None
    source: str = field(default="", compare=False)


FeedForwardSpec = MlpSpec | ExpertsSpec


@dataclass(frozen=True)
class Step:
    """One child of a decoder layer and what flows into it: ``(source, coefficient)`` pairs.

    A source is ``x`` (the layer's input) or the name of an earlier child (its output).
    """

    name: str
    inputs: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class LayerSpec:
    """A decoder layer: its blocks, and how values flow through them."""

    attention: AttentionSpec
    feed_forward: FeedForwardSpec
    norms: tuple[tuple[str, NormSpec], ...]
    steps: tuple[Step, ...]
    output: tuple[tuple[str, float], ...]
    placement: str
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class DecoderSpec:
    """A decoder-only language model."""

    base_name: str
    embed_name: str
    layers_name: str
    norm_name: str
    head_name: str
    norm: NormSpec
    layer: LayerSpec
    hidden_size: Value
    num_layers: Value
    vocab_size: Value
    tied: Value


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
