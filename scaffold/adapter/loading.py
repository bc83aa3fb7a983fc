"""The loader's part of the template's context."""

from __future__ import annotations

from typing import Any

from scaffold.expressions.python import write
from scaffold.expressions.tree import Literal
from scaffold.idioms.frame import NEWEST, Target
from scaffold.idioms.written import Sorting
from scaffold.mapping.derive import base_attribute
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.listed import BEFORE, BEHIND
from scaffold.weights.emit import Loading, StackedRow, loading
from scaffold.weights.rules import WeightMap
from scaffold.weights.targets import attribute

Context = dict[str, Any]


def tables(spec: DecoderSpec, weight_map: WeightMap, names: Any) -> Loading:
    """Return the loading tables of an adapter.

    Raises:
        NotUnderstood: no table leads all names to where their rules do.
    """
    return loading(weight_map.rules, names, (_beginning(spec, weight_map), f"{base_attribute(spec)}."))


def _beginning(spec: DecoderSpec, weight_map: WeightMap) -> str:
    """Return how the decoder's names begin on disk, by the rule of its embedding; else as in the source."""
    own, target = f"{spec.embedding.name}.weight", f"{base_attribute(spec)}.{attribute(spec.embedding.name)}.weight"
    found = (rule.source for rule in weight_map.rules if rule.target == target and rule.source.endswith(own))
    return next((source.removesuffix(own) for source in found), f"{spec.base_name}." if spec.base_name else "")


def loading_context(
    spec: DecoderSpec, found: Loading, names: Any, sorting: Sorting | None, target: Target = NEWEST
) -> Context:
    """Return the context of the loader; ``sorting`` is that of a packed projection, if there is one."""
    head = attribute(spec.head_name)
    on_disk = f"{spec.head_name}.weight" in set(names)
    sorted_by = sorting if found.packed else None
    return {
        "prefixes": {"rows": [{"old": old, "new": new} for old, new in found.prefixes]},
        "renames": {"rows": [{"old": o, "new": write(Literal(n))} for o, n in found.renames]},
        "stacked": {"rows": [_row(row) for row in found.stacked]},
        "listed": _listed(spec),
        "mapped": bool(found.prefixes or found.renames or found.stacked),
        "packed_modules": found.packed_modules,
        "rearranged": bool(found.transposed or sorted_by or found.flattened or found.unit_rows),
        "unit_rows": {"names": list(found.unit_rows)} if found.unit_rows else {},
        "flattened": {"endings": list(found.flattened)} if found.flattened else {},
        "transposed": {"endings": list(found.transposed)} if found.transposed else {},
        "packed": {"name": found.packed, "order": sorted_by.order} if sorted_by else {},
        "setup": {"lines": list(sorted_by.setup) if sorted_by else []},
        "skip_head": f"{head}." if on_disk and spec.tied.value and not target.tied_skipped else "",
    }


def _listed(spec: DecoderSpec) -> Context:
    """Return what names the tensors of a list that holds the layers among other modules; nothing without one."""
    if spec.listed is None:
        return {}
    path, first = spec.listed.path, str(spec.listed.first)
    parent = f"{path.rpartition('.')[0]}." if "." in path else ""
    count = write(spec.num_layers.tree, "self.config")
    return {"path": path, "first": first, "count": count, "parent": parent, "before": BEFORE, "behind": BEHIND}


def _row(row: StackedRow) -> Context:
    return {"weight_name": row.weight_name, "param_name": row.param_name, "shard_id": write(Literal(row.shard_id))}
