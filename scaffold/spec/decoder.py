"""A decoder-only language model: embedding, layers, head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scaffold.spec.layers import LayerSpec
from scaffold.spec.listed import Listed
from scaffold.spec.norms import NormSpec
from scaffold.spec.values import ONE, Value


@dataclass(frozen=True)
class EmbeddingSpec:
    """How token ids become the first layer's input.

    Attributes:
        scale: by which the token's vector is multiplied.
        positions: a learned table's name and the number that is added to positions.
        sinusoid: a row of ``SINUSOIDS`` and the number that is added to positions.
        norm: applied to the sum.
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
        head_unit_rows: each row of the head's weight is divided by its length.
        buffers: saved tensors that the source makes itself, of no weights; below a layer for all layers.
        unused: modules outside of the layers that the source's model has, and that no text goes through.
        runs: how often the layers run one after the other.
        norm_each_run: the final norm is applied behind each run.
        run_in_place: each layer runs so often before the next one does.
        without_effect: modules that the source's model calls, and of which no answer depends.
        rounded: file and lines where the source rounds to 16 bits, whatever type the model has.
        given_mask: the source computes with a mask that its caller makes; it was read with a causal one.
        release: of transformers, that config.json states and the source asks for, to choose what it computes.
        listed: the list that holds the layers, if it holds other modules, too; all names here are those that it gives.
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
    head_unit_rows: bool = False
    buffers: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    runs: Value = ONE
    norm_each_run: bool = False
    run_in_place: bool = False
    without_effect: tuple[str, ...] = ()
    given_mask: bool = False
    listed: Listed | None = None
    text_key: str = ""
    rounded: tuple[str, ...] = field(default=(), compare=False)
    release: str = field(default="", compare=False)
    config: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def layer(self) -> LayerSpec:
        """Return the first layer."""
        return self.layers[0]
