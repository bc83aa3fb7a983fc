"""From rules to an adapter's loading tables: ``WeightsMapper.orig_to_new_stacked``, ``packed_modules_mapping``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
    left out: vLLM's ``RoutedExperts.load_weights`` maps them itself.
    """
    rules, names = tuple(rules), tuple(names)
    rows: dict[tuple[str, str], StackedRow] = {}
    stacked = [rule for rule in rules if rule.shard_id is not None and rule.experts == 1]
    for rule in stacked:
        module, target = rule.pattern.rpartition(".")[0], rule.target.rpartition(".")[0]
        if (module, target) in rows or rule.shard_id is None:
            continue
        own = {n for r in stacked if r.pattern.rpartition(".")[0] == module for n in r.names()}
        parts, target_parts = module.split("."), target.split(".")
        for length in range(1, len(parts) + 1):
            tail = "." + ".".join(parts[-length:])
            if all((f"{tail}." in f".{name}.") == (name in own) for name in names):
                new = "." + ".".join(target_parts[-length:])
                rows[module, target] = StackedRow(tail, new, rule.shard_id)
                break
    return tuple(_merged(rows.values()))


def _merged(rows: Iterable[StackedRow]) -> Iterable[StackedRow]:
    """Leave out rows that say the same (a projection of which weight and bias have a rule each)."""
    return dict.fromkeys(rows)


def packed_modules(rules: Iterable[Rule]) -> dict[str, list[str]]:
    """Return ``packed_modules_mapping``: fused module → the checkpoint's modules, in order of their shards."""
    packed: dict[str, list[str]] = {}
    for rule in rules:
        if rule.shard_id is None or rule.experts != 1:
            continue
        fused, part = rule.target.split(".")[-2], rule.pattern.split(".")[-2]
        parts = packed.setdefault(fused, [])
        if part not in parts:
            parts.append(part)
    return packed
