"""The rotation of q and k, and their norms before or after it."""

from __future__ import annotations

from dataclasses import replace
from textwrap import indent

from scaffold.expressions.python import write
from scaffold.expressions.tree import TRUE
from scaffold.idioms.head_norms import IMPORTS, class_name
from scaffold.idioms.layers import same
from scaffold.idioms.norms import norm_call
from scaffold.idioms.rope import IMPORT, get_rope, rope_of
from scaffold.idioms.written import NORM_OVER_RANKS, Piece
from scaffold.mixers.grouped_query.pieces.layers import Layers
from scaffold.mixers.grouped_query.spec import AttentionSpec, QkNormSpec
from scaffold.weights.targets import attribute, flat_attribute


def rotation(layers: Layers) -> Piece | None:
    """Return the rotation of q and k."""
    rope = rope_of(layers.per_layer, [layer.rope for layer in layers.specs], layers.frame)
    if rope is None:
        return None
    made, turned = (
        get_rope(rope, "self.head_dim", layers.names, layers.frame.max_position),
        "q, k = self.rotary_emb(positions, q, k)",
    )
    imports = (IMPORT, *layers.frame.length_imports)
    if layers.used[0].carried is not None and not layers.used[0].carried.rotated:
        return Piece({"scores": made}, imports, uses=(rope.parameters,))
    if rope.condition != TRUE:
        made, turned = f"self.use_rope = {write(rope.condition)}\n{made}", f"if self.use_rope:\n    {turned}"
    return Piece({"scores": made, "rotation": turned}, imports, uses=(rope.parameters, rope.condition))


def qk_norm(layers: Layers) -> Piece | None:
    """Return the norms of q and k."""
    normed = [a for a in _ordered(layers) if a.qk_norm is not None]
    if not normed:
        return None
    norm: QkNormSpec = same(normed, "norms of q and k", lambda a: a.qk_norm)
    condition = layers.per_layer.condition([a.qk_norm is not None for a in layers.specs])
    named = flat_attribute if norm.of_each else attribute
    q_name, k_name = named(norm.q_name), named(norm.k_name)
    sizes = [
        "self.head_dim" if norm.per_head else f"self.total_num_{heads} * self.head_dim"
        for heads in ("heads", "kv_heads")
    ]
    q_call, k_call = (norm_call(norm.norm, size, layers.frame.prefix) for size in sizes)
    over_heads = f"""\
q = q.unflatten(-1, (self.num_heads, self.head_dim))
q = self.{q_name}(q).flatten(-2, -1)
k = k.unflatten(-1, (self.num_kv_heads, self.head_dim))
k = self.{k_name}(k).flatten(-2, -1)
"""
    over_ranks = f"""\
q = norm_over_ranks(self.{q_name}, q, self.total_num_heads, self.head_dim)
k = norm_over_ranks(self.{k_name}, k, self.total_num_kv_heads, self.head_dim)
"""
    made = "\n".join(dict.fromkeys((f"self.{q_name} = {q_call}", f"self.{k_name} = {k_call}")))  # they may be one
    if norm.of_each:
        made = "\n".join(
            f"self.{name} = {class_name(layers.frame.prefix)}(\n    {q_call} for _ in range(self.total_num_{heads})\n)"
            for name, heads in ((q_name, "heads"), (k_name, "kv_heads"))
        )
    called = over_heads if norm.per_head else over_ranks
    if condition != TRUE:
        made = f"self.use_qk_norm = {write(condition)}\nif self.use_qk_norm:\n{indent(made, '    ')}"
        called = f"if self.use_qk_norm:\n{indent(called, '    ')}"
    return Piece(
        {"modules": made, "before_rotation" if norm.before_rope else "after_rotation": called},
        imports=IMPORTS if norm.of_each else (),
        uses=(condition,),
        helpers=frozenset() if norm.per_head else frozenset({NORM_OVER_RANKS}),
    )


def _ordered(layers: Layers) -> list[AttentionSpec]:
    """Return the layers with their norms where others have them.

    In layers that do not rotate, norms are before the rotation as much as after it.
    """
    order = next((a.qk_norm.before_rope for a in layers.used if a.rope and a.qk_norm), True)
    return [
        replace(a, qk_norm=replace(a.qk_norm, before_rope=order)) if a.qk_norm and not a.rope else a
        for a in layers.used
    ]
