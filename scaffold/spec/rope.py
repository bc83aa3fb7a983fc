"""Rotations of q and k."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaffold.expressions.tree import Expression


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
