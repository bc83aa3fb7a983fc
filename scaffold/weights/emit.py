"""From rules to an adapter's loading tables: ``WeightsMapper.orig_to_new_stacked``, ``packed_modules_mapping``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scaffold.source.errors import NotUnderstood
from scaffold.weights.rules import Rule


@dataclass(frozen=True)
class StackedRow:
    """``weight_name`` (part of a checkpoint name) → ``param_name`` (what replaces it) and the shard."""

    weight_name: str
    param_name: str
    shard_id: str | int


def stacked_rows(rules: Iterable[Rule], names: Iterable[str]) -> tuple[StackedRow, ...]:
    """Return the rows for parameters that hold several tensors, in the rules' order.

    A row's ``weight_name`` is the shortest dotted tail of the module that occurs in names of its own rules only,
    because vLLM looks it up as a substring (vllm/model_executor/models/utils.py, ``WeightsMapper``). Experts are
    left out: vLLM's ``RoutedExperts.load_weights`` maps them itself. So are scales: they are gone by then.

    Raises:
        NotUnderstood: there is no such tail.
    """
    rules = tuple(rules)
    scales = {r.scale.name.format_map(values) for r in rules if r.scale for values in r.instances()}
    rules, names = _stacked(rules), set(names) - scales
    rows: dict[tuple[str, str], StackedRow] = {}
    for rule in rules:
        module, target = rule.source.rpartition(".")[0], rule.target.rpartition(".")[0]
        shard = rule.parts[0].shard
        if (module, target) in rows or shard is None:
            continue
        own = {n for r in rules if r.source.rpartition(".")[0] == module for n in r.names()}
        parts, target_parts = module.split("."), target.split(".")
        for length in range(1, len(parts) + 1):
            tail = "." + ".".join(parts[-length:])
            if all((f"{tail}." in f".{name}.") == (name in own) for name in names):
                new = "." + ".".join(target_parts[-length:])
                rows[module, target] = StackedRow(tail, new, shard)
                break
        else:
            raise NotUnderstood(f"no part of the name {module} tells it from the names of other tensors")
    return tuple(dict.fromkeys(rows.values()))


def packed_modules(rules: Iterable[Rule]) -> dict[str, list[str]]:
    """Return ``packed_modules_mapping``: fused module → the checkpoint's modules, in order of their shards."""
    packed: dict[str, list[str]] = {}
    for rule in _stacked(rules):
        fused, part = rule.target.split(".")[-2], rule.source.split(".")[-2]
        parts = packed.setdefault(fused, [])
        if part not in parts:
            parts.append(part)
    return packed


def _stacked(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules of tensors that become a shard of a linear layer."""
    return tuple(rule for rule in rules if rule.parts and rule.parts[0].shard in ("q", "k", "v", 0, 1))
