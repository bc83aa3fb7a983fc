"""What differs from layer to layer, as expressions over the config and the layer's number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.expressions.tree import FALSE, NONE, TRUE, Choice, Expression
from scaffold.probing.choices import condition
from scaffold.source.python.errors import NotUnderstood

HINTS = {
    "mixer": ("layer_types", "rope", "sliding", "attention"),
    "feed_forward": ("mlp_layer_types", "dense", "sparse", "moe", "layer_types"),
}
"""What keys are called that say which layers have which block."""


@dataclass(frozen=True)
class PerLayer:
    """Makes one expression of what each layer has."""

    config: Mapping[str, Any]
    hints: Sequence[str]

    def value(self, values: Sequence[Expression]) -> Expression:
        """Return one expression for the values of all layers.

        Raises:
            NotUnderstood: there are more than two.
        """
        different = list(dict.fromkeys(values))
        if len(different) == 1:
            return different[0]
        if len(different) > 2:
            raise NotUnderstood(f"no idiom yet for {len(different)} values of one thing in different layers")
        first, second = different
        if first == NONE:
            first, second = second, first
        return Choice(self.condition([v == first for v in values]), first, second)

    def condition(self, flags: Sequence[bool]) -> Expression:
        """Return a condition that is true for the flagged layers: ``TRUE`` for all, ``FALSE`` for none."""
        if all(flags):
            return TRUE
        return condition(self.config, flags, self.hints) if any(flags) else FALSE
