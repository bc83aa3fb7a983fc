"""How a class loads its weights: the names it maps, what it leaves out, and where it has code of its own."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from scaffold.vllm_models.evaluate import Evaluator
from scaffold.vllm_models.mappers import Mapper
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import FunctionValue, Node, Unknown

ROTARY = ("rotary_pos_emb.inv_freq", "rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached")
"""AutoWeightsLoader.REMOVE_UNUSED_ROTARY_EMBEDS_MAPPER of vLLM drops them."""

NO_MAPPER = Mapper()


@dataclass(frozen=True)
class Loader:
    """What ``load_weights`` of a class does.

    Attributes:
        mapper: applied to the names first.
        skips: beginnings of names that are left out.
        own_code: where it does more than hand names on to AutoWeightsLoader; empty if it does not.
    """

    mapper: Mapper = NO_MAPPER
    skips: tuple[str, ...] = ()
    own_code: str = ""


def loader_of(reader: Reader, node: Node) -> Loader | None:
    """Return the loader of a module, None if its class has none: then that of the module around it goes on."""
    if node.definition is None:
        return None
    method = reader.method(node.definition, "load_weights")
    if method is None or not isinstance(method.node, ast.FunctionDef):
        return None
    return _read(reader, node, method, method.node)


def _read(reader: Reader, node: Node, method: FunctionValue, function: ast.FunctionDef) -> Loader:
    scope = Evaluator(reader, method.file, {"self": node})
    calls = [item for item in ast.walk(function) if isinstance(item, ast.Call)]
    auto = [call for call in calls if ast.unparse(call.func).endswith("AutoWeightsLoader")]
    last = function.body[-1]
    where = f"load_weights of {node.class_name} ({method.file.where(function)}) has code of its own"
    if len(auto) != 1 or not isinstance(last, ast.Return) or not isinstance(last.value, ast.Call):
        return Loader(Mapper(stacked=_stacked(function, scope)), own_code=where)
    weights = function.args.args[1].arg if len(function.args.args) > 1 else ""
    plain = len(last.value.args) == 1 and ast.unparse(last.value.args[0]) == weights
    assigned = {
        target.id
        for item in ast.walk(function)
        if isinstance(item, ast.Assign)
        for target in item.targets
        if isinstance(target, ast.Name)
    }
    mapper: Any = Mapper()
    for keyword in last.value.keywords:
        if keyword.arg == "mapper":
            mapper = scope.value(keyword.value)
    if not isinstance(mapper, Mapper):
        return Loader(own_code=f"{where}: its mapper")
    own = "" if plain and weights not in assigned else where
    if mapper.unread:
        own = f"{where}: {mapper.unread}"
    return Loader(mapper, _skips(auto[0], scope), own)


def _skips(call: ast.Call, scope: Evaluator) -> tuple[str, ...]:
    found: list[str] = []
    for keyword in call.keywords:
        if keyword.arg in ("skip_prefixes", "ignore_unexpected_prefixes"):
            value = scope.value(keyword.value)
            if not isinstance(value, Unknown) and value:
                found += [item for item in value if isinstance(item, str)]
    return tuple(found)


def _stacked(function: ast.FunctionDef, scope: Evaluator) -> tuple[tuple[str, str, Any], ...]:
    """Return the rows of a ``stacked_params_mapping``: (parameter, part of the name, shard)."""
    rows: list[tuple[str, str, Any]] = []
    for item in ast.walk(function):
        value = scope.value(item.value) if isinstance(item, ast.Assign) and isinstance(item.value, ast.List) else None
        for row in value if isinstance(value, list) else ():
            if isinstance(row, tuple) and len(row) == 3 and isinstance(row[0], str) and isinstance(row[1], str):
                rows.append((row[1], row[0], row[2]))
    return tuple(rows)
