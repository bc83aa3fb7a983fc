"""What differs from layer to layer, as expressions over ``config`` and ``layer_idx``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scaffold.probing.choices import condition
from scaffold.source.python.errors import NotUnderstood

HINTS = {
    "attention": ("layer_types", "rope", "sliding", "attention"),
    "feed_forward": ("mlp_layer_types", "dense", "sparse", "moe", "layer_types"),
}
"""What keys are called that say which layers have which block."""


@dataclass
class PerLayer:
    """Writes values that may differ between layers; remembers whether any did."""

    config: Mapping[str, Any]
    hints: Sequence[str]
    varies: bool = field(default=False, init=False)

    def code(self, values: Sequence[str]) -> str:
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
        if first == "None":
            first, second = second, first
        return f"{first} if {self.condition([v == first for v in values])} else {second}"

    def condition(self, flags: Sequence[bool]) -> str:
        """Return a condition that is true for the flagged layers: ``True`` for all, empty for none."""
        if all(flags):
            return "True"
        if not any(flags):
            return ""
        self.varies = True
        return condition(self.config, flags, self.hints)
