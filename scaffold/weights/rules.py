"""A weight rule: one auditable line from a name pattern to a parameter, a shard, or a reason to leave it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

CAPTURES = {"layer": r"(?P<layer>\d+)", "expert": r"(?P<expert>\d+)"}


@dataclass(frozen=True)
class Rule:
    """``pattern`` → ``target``. Patterns hold the captures ``{layer}`` and ``{expert}``, whole numbers.

    Attributes:
        pattern: checkpoint name, such as ``model.layers.{layer}.self_attn.q_proj.weight``.
        target: the adapter's parameter; empty for a tensor that is left out.
        shard_id: ``q``/``k``/``v``, 0/1 for gate/up, ``w1``/``w2``/``w3`` for experts; None for a whole parameter.
        shape: the tensor's shape that the model's config asks for.
        per_layer: how many layers the capture ranges over; 1 without a capture.
        experts: how many experts the capture ranges over; 1 without a capture.
        reason: why a tensor is left out.
    """

    pattern: str
    target: str
    shape: tuple[int, ...]
    shard_id: str | int | None = None
    per_layer: int = 1
    experts: int = 1
    reason: str = ""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Return the pattern as a regular expression."""
        escaped = re.escape(self.pattern)
        for name, expression in CAPTURES.items():
            escaped = escaped.replace(re.escape("{" + name + "}"), expression)
        return re.compile(escaped)

    def matches(self, name: str) -> bool:
        """Return whether the rule takes the tensor of that name."""
        found = self.regex.fullmatch(name)
        if not found:
            return False
        limits = {"layer": self.per_layer, "expert": self.experts}
        return all(int(number) < limits[group] for group, number in found.groupdict().items())

    def names(self) -> list[str]:
        """Return all checkpoint names that the rule takes."""
        return [
            self.pattern.replace("{layer}", str(layer)).replace("{expert}", str(expert))
            for layer in range(self.per_layer)
            for expert in range(self.experts)
        ]
