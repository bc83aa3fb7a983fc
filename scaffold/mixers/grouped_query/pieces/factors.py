"""Factors and limits: on what is projected, on q by its position, on v."""

from __future__ import annotations

from scaffold.expressions.python import write
from scaffold.expressions.tree import TRUE
from scaffold.idioms.written import Piece
from scaffold.mixers.grouped_query.pieces.layers import Layers
from scaffold.probing.position_scales import POSITION_SCALES
from scaffold.source.python.errors import NotUnderstood


def clip(layers: Layers) -> Piece | None:
    """Return the limit on q, k and v."""
    value = layers.same("a limit on q, k and v", lambda a: a.clip)
    if value is None:
        return None
    limit = write(value.tree, "self.config")
    return Piece({"projected": f"qkv = qkv.clamp(min=-{limit}, max={limit})"}, needs_config=True)


def value_scale(layers: Layers) -> Piece | None:
    """Return the factor on v."""
    value = layers.same("a factor on v", lambda a: a.value_scale)
    if value is None:
        return None
    return Piece({"scaled": f"v = v * {write(value.tree, 'self.config')}"}, needs_config=True)


def position_scale(layers: Layers) -> Piece | None:
    """Return the factor on q by its position."""
    found = {layer.position_scale for layer in layers.used if layer.position_scale}
    if not found:
        return None
    if len(found) > 1:
        raise NotUnderstood("no idiom yet for different factors of the position", layers.used[0].source)
    name, values = found.pop()
    form = next(form for form in POSITION_SCALES if form.name == name)
    condition = layers.per_layer.condition([layer.position_scale is not None for layer in layers.specs])
    code = form.code.format(*(write(v.tree, "self.config") for v in values))
    lines = f"q_scale = {code}\nq = q * q_scale.unsqueeze(-1).to(q.dtype)"
    if condition == TRUE:
        return Piece({"scaled": lines}, needs_config=True)
    inside = lines.replace("\n", "\n    ")
    return Piece(
        {
            "scores": f"self.use_position_scale = {write(condition)}",
            "scaled": f"if self.use_position_scale:\n    {inside}",
        },
        needs_config=True,
        uses=(condition,),
    )
