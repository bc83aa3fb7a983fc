"""How a class loads its weights: the names it maps, what it leaves out, and where it has code of its own."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Any

from scaffold.vllm_models.evaluate import MAX_ITEMS, Evaluator
from scaffold.vllm_models.execute import execute
from scaffold.vllm_models.experts import Names
from scaffold.vllm_models.generators import brings_more
from scaffold.vllm_models.mappers import Mapper
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import FunctionValue, Node, Record, truth

ROTARY = ("rotary_pos_emb.inv_freq", "rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached")
"""AutoWeightsLoader.REMOVE_UNUSED_ROTARY_EMBEDS_MAPPER of vLLM drops them."""

NO_MAPPER = Mapper()
Row = tuple[str, str, Any]
"""Part of a name, what replaces it, shard."""
PREPARES = (ast.Assign, ast.AnnAssign, ast.If, ast.Expr)
"""Statements of a loader that are followed, so that what its lists hold is known."""
DRAFT_LAYER = "get_spec_layer_idx_from_weight_name"
EXPERT_MAPPING = "make_expert_params_mapping"
EXPERT_NAMES = ("ckpt_gate_proj_name", "ckpt_down_proj_name", "ckpt_up_proj_name")


@dataclass(frozen=True)
class Loader:
    """What ``load_weights`` of a class does.

    Attributes:
        mapper: applied to the names first.
        skips: beginnings of names that are left out.
        own_code: where it does more than hand names on to AutoWeightsLoader; empty if it does not.
        ignored_endings: of names that are left out where the model has no such parameter.
        rows: of a ``stacked_params_mapping``, the first that leads to a parameter counts.
        experts: what its mapping of experts' parameters calls gate, down and up.
        brings: where it may bring tensors that the checkpoint does not have; empty if it does not.
    """

    mapper: Mapper = NO_MAPPER
    skips: tuple[str, ...] = ()
    own_code: str = ""
    ignored_endings: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    experts: Names | None = None
    brings: str = ""


def loader_of(reader: Reader, node: Node) -> Loader | None:
    """Return the loader of a module, None if its class has none: then that of the module around it goes on."""
    if node.definition is None:
        return None
    method = reader.method(node.definition, "load_weights")
    if method is None or not isinstance(method.node, ast.FunctionDef):
        return None
    loader = _read(reader, node, method, method.node)
    arguments = method.node.args.args
    scope = Evaluator(reader, method.file, {"self": node})
    with reader.doubtful():
        place = brings_more(method.node, arguments[1].arg, scope) if len(arguments) > 1 else None
    if place is None:
        return loader
    told = f"load_weights of {node.class_name} may bring further tensors ({method.file.where(place)})"
    return replace(loader, brings=told)


def _read(reader: Reader, node: Node, method: FunctionValue, function: ast.FunctionDef) -> Loader:
    scope = Evaluator(reader, method.file, {"self": node})
    calls = [item for item in ast.walk(function) if isinstance(item, ast.Call)]
    auto = [call for call in calls if ast.unparse(call.func).endswith("AutoWeightsLoader")]
    last = function.body[-1]
    where = f"load_weights of {node.class_name} ({method.file.where(function)}) has code of its own"
    experts = _expert_names(reader, node, function, scope)
    with reader.doubtful():  # only some of the statements are followed
        execute([item for item in function.body[:-1] if isinstance(item, PREPARES)], scope)
    if len(auto) != 1 or not isinstance(last, ast.Return) or not isinstance(last.value, ast.Call):
        return Loader(own_code=where, skips=_draft_layers(calls, scope), rows=_rows(function, scope), experts=experts)
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
        return Loader(own_code=f"{where}: its mapper", experts=experts)
    own = "" if plain and weights not in assigned else where
    if mapper.unread:
        own = f"{where}: {mapper.unread}"
    skips = _strings(auto[0], scope, ("skip_prefixes", "ignore_unexpected_prefixes"))
    endings = _strings(auto[0], scope, ("ignore_unexpected_suffixes",))
    if skips is None or endings is None:
        return Loader(mapper, (), f"{where}: what it leaves out", experts=experts)
    return Loader(mapper, skips, own, endings, experts=experts)


def _draft_layers(calls: list[ast.Call], scope: Evaluator) -> tuple[str, ...]:
    """Return the beginnings of names of the layers that predict further tokens, if the loader leaves them to a draft.

    vLLM: ``get_spec_layer_idx_from_weight_name`` of model_executor/models/deepseek_v2.py and others.
    """
    for call in calls:
        if ast.unparse(call.func).endswith(DRAFT_LAYER) and call.args:
            config = scope.value(call.args[0])
            layers, more = (
                config.values.get(key) if isinstance(config, Record) else None
                for key in ("num_hidden_layers", "num_nextn_predict_layers")
            )
            if isinstance(layers, int) and isinstance(more, int):
                found = [f"layers.{layers + index}." for index in range(min(more, MAX_ITEMS))]
                return (*found, *(f"model.{name}" for name in found))
    return ()


def _strings(call: ast.Call, scope: Evaluator, names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the texts of these arguments, None if they are not known."""
    found: list[str] = []
    for keyword in call.keywords:
        if keyword.arg in names:
            value = scope.value(keyword.value)
            if truth(value) is False:
                continue
            if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
                return None
            found += value
    return tuple(found)


def _rows(function: ast.FunctionDef, scope: Evaluator) -> tuple[Row, ...]:
    """Return the rows of all lists like ``stacked_params_mapping``: (part of the name, parameter, shard)."""
    rows: list[Row] = []
    for item in ast.walk(function):
        is_list = isinstance(item, ast.Assign | ast.AnnAssign) and isinstance(item.value, ast.List)
        value = scope.value(item.value) if is_list else None  # type: ignore[attr-defined]
        for row in value if isinstance(value, list) else ():
            if isinstance(row, tuple) and len(row) == 3 and isinstance(row[0], str) and isinstance(row[1], str):
                rows.append((row[1], row[0], row[2]))
    return tuple(rows)


def _expert_names(reader: Reader, node: Node, function: ast.FunctionDef, scope: Evaluator) -> Names | None:
    """Return what the class's call of ``make_expert_params_mapping`` names gate, down and up, if it has one."""
    bodies: list[ast.AST] = [function]
    other = reader.method(node.definition, "get_expert_mapping") if node.definition is not None else None
    if other is not None:
        bodies.append(other.node)
    for body in bodies:
        for call in ast.walk(body):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(EXPERT_MAPPING):
                given = {keyword.arg: scope.value(keyword.value) for keyword in call.keywords if keyword.arg}
                names = [given.get(name) for name in EXPERT_NAMES]
                if all(isinstance(name, str) for name in names[:2]):
                    return str(names[0]), str(names[1]), names[2] if isinstance(names[2], str) else None
    return None
