"""What a piece is made from, and the slots that it may fill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.expressions.tree import Expression
from scaffold.idioms import layers as all_layers
from scaffold.idioms.frame import Frame
from scaffold.idioms.per_layer import PerLayer
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.spec.values import Value

NAMES = {"head_dim": "self.head_dim", "num_heads": "self.total_num_heads"}
"""What a class of grouped-query attention calls its numbers, the hidden size aside: see ``Layers.names``."""
SLOTS = {
    "sizes": "`__init__`, after the size of a head",
    "q_heads": "`__init__`, the number of heads of q in QKVParallelLinear, if it is not the usual one",
    "qkv_arguments": "`__init__`, arguments of QKVParallelLinear",
    "modules": "`__init__`, after the projections",
    "scores": "`__init__`, before Attention is made",
    "attention": "`__init__`, the class of the attention, if it is not Attention",
    "position_arguments": "`__init__`, arguments of Attention about positions",
    "score_arguments": "`__init__`, arguments of Attention about scores",
    "last_arguments": "`__init__`, last arguments of Attention",
    "projected": "`forward`, once q, k and v are projected, as `qkv`",
    "split": "`forward`, the split of `qkv` into `q`, `k` and `v`, if it is not the usual one",
    "before_rotation": "`forward`, before the rotation",
    "rotation": "`forward`, the rotation",
    "after_rotation": "`forward`, after the rotation",
    "scaled": "`forward`, before the attention",
    "attended": "`forward`, between the attention and its output projection, as `attn_output`",
}
"""Slot of attention.py.jinja → where it is."""


@dataclass(frozen=True)
class Layers:
    """The attention of all layers, as pieces look at it.

    Attributes:
        specs: of all layers; at the place of a layer with another mixer is the first one's.
        used: the layers that have this mixer.
        per_layer: writes what differs between layers.
        frame: what surrounds the class.
        width: the expression of the output's width, before it is projected.
    """

    specs: Sequence[AttentionSpec]
    used: Sequence[AttentionSpec]
    per_layer: PerLayer
    frame: Frame
    width: str

    @property
    def names(self) -> dict[str, str]:
        """Return what the class calls its numbers; the hidden size by the key that the config has."""
        return {**NAMES, "hidden_size": f"config.{self.frame.hidden_size}"}

    def same(self, what: str, get: Callable[[AttentionSpec], Any]) -> Any:
        """Return what all layers have in common; see `scaffold.idioms.layers.same`."""
        return all_layers.same(self.used, what, get)

    def value(self, get: Callable[[AttentionSpec], Value | None]) -> Expression:
        """Return the expression of a value; see `scaffold.idioms.layers.value_of`."""
        return all_layers.value_of(self.per_layer, self.specs, get)
