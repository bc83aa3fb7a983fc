"""The loader's part of the template's context."""

from __future__ import annotations

from typing import Any

from scaffold.expressions.python import write
from scaffold.expressions.tree import Literal
from scaffold.mapping.derive import base_attribute
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.facts import AttentionSpec, DecoderSpec
from scaffold.weights.emit import ROUTED, loading
from scaffold.weights.rules import WeightMap
from scaffold.weights.targets import attribute

Context = dict[str, Any]
PARTS = "qkv"
NAMES = {"num_heads": "num_heads", "hidden_size": "self.config.hidden_size"}
"""What the loader calls its numbers."""


def loading_context(spec: DecoderSpec, weight_map: WeightMap, names: Any) -> Context:
    """Return the context of the loader.

    Raises:
        NotUnderstood: the names lead nowhere, or layers keep their projections in different ways.
    """
    prefix = (f"{spec.base_name}." if spec.base_name else "", f"{base_attribute(spec)}.")
    found = loading(weight_map.rules, names, prefix)
    packed, lines = _packed(spec, found.packed)
    head = attribute(spec.head_name)
    on_disk = f"{spec.head_name}.weight" in set(names)
    return {
        "prefixes": {"rows": [{"old": old, "new": new} for old, new in found.prefixes]},
        "renames": {"rows": [{"old": o, "new": write(Literal(n))} for o, n in found.renames]},
        "stacked": {"rows": [_row(row) for row in found.stacked]},
        "mapped": bool(found.prefixes or found.renames or found.stacked),
        "packed_modules": found.packed_modules,
        "rearranged": bool(found.transposed or packed or found.flattened),
        "flattened": {"endings": list(found.flattened)} if found.flattened else {},
        "transposed": {"endings": list(found.transposed)} if found.transposed else {},
        "packed": packed,
        "setup": {"lines": lines},
        "skip_head": f"{head}." if on_disk and spec.tied.value else "",
    }


def expert_names(weight_map: WeightMap, names: Any, spec: DecoderSpec) -> str:
    """Return ``ckpt_names`` of the experts as code, empty for the usual ones."""
    prefix = (f"{spec.base_name}." if spec.base_name else "", f"{base_attribute(spec)}.")
    found = loading(weight_map.rules, names, prefix).expert_names
    return "" if found is None else write(Literal(found))


def experts_in_one_tensor(weight_map: WeightMap) -> bool:
    """Return whether the checkpoint has gate and up of all experts in one tensor, and down in another."""
    return any(f".{ROUTED}." in rule.target and not rule.is_per_expert for rule in weight_map.rules)


def _packed(spec: DecoderSpec, name: str) -> tuple[Context, list[str]]:
    """Return how a projection of q, k and v is sorted, and the numbers that it takes."""
    if not name:
        return {}, []
    layouts = {layer.attention for layer in spec.layers if isinstance(layer.attention, AttentionSpec)}
    different = {(a.projection, a.num_heads, a.num_kv_heads, a.head_dim) for a in layouts}
    if len(different) != 1:
        raise NotUnderstood("no idiom yet for layers that keep q, k and v in different ways")
    attention = next(iter(layouts))
    projection = attention.projection
    same = attention.num_heads.tree == attention.num_kv_heads.tree
    numbers = [("num_heads", attention.num_heads), *(() if same else (("num_kv_heads", attention.num_kv_heads),))]
    numbers.append(("head_dim", attention.head_dim))
    lines = [f"{name} = {write(value.tree, 'self.config', NAMES)}" for name, value in numbers]
    kv = "num_heads" if same else "num_kv_heads"
    lines.append(f"groups = {kv if projection.groups == 'num_kv_heads' else projection.groups}")
    counts = [f"{count} // groups" for count in ("num_heads", kv, kv)]
    in_order = [counts[part] for part in projection.order]
    lines.append(f"counts = [{', '.join(in_order)}]")
    order = "" if projection.order == (0, 1, 2) else ", ".join(PARTS[part] for part in projection.order)
    return {"name": name, "order": order}, lines


def _row(row: Any) -> Context:
    return {"weight_name": row.weight_name, "param_name": row.param_name, "shard_id": write(Literal(row.shard_id))}
