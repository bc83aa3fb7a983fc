"""A norm on v."""

from __future__ import annotations

from scaffold.idioms.norms import norm_call
from scaffold.idioms.written import NORM_OVER_RANKS, Piece
from scaffold.mixers.grouped_query.pieces.layers import Layers
from scaffold.mixers.grouped_query.spec import ValueNormSpec, values_differ
from scaffold.weights.targets import attribute


def v_norm(layers: Layers) -> Piece | None:
    """Return the norm of v."""
    spec: ValueNormSpec | None = layers.same("a norm of v", lambda a: a.v_norm)
    if spec is None:
        return None
    name, size = attribute(spec.name), "self.v_head_dim" if values_differ(layers.used) else "self.head_dim"
    over_heads = f"v = v.unflatten(-1, (self.num_kv_heads, {size}))\nv = self.{name}(v).flatten(-2, -1)"
    over_ranks = f"v = norm_over_ranks(self.{name}, v, self.total_num_kv_heads, {size})"
    width = size if spec.per_head else f"self.total_num_kv_heads * {size}"
    return Piece(
        {
            "modules": f"self.{name} = {norm_call(spec.norm, width, layers.frame.prefix)}",
            "before_rotation": over_heads if spec.per_head else over_ranks,
        },
        helpers=frozenset() if spec.per_head else frozenset({NORM_OVER_RANKS}),
    )
