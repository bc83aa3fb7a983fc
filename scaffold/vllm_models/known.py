"""Functions of vLLM, torch and Python whose outcome is known without looking into them."""

from __future__ import annotations

from typing import Any

from scaffold.source.python.objects import External
from scaffold.vllm_models.mappers import mapper_of
from scaffold.vllm_models.reader import Known, Reader, around
from scaffold.vllm_models.values import FunctionValue, Node, Record, Unknown

TYPES = {"int": int, "str": str, "float": float, "bool": bool, "list": list, "tuple": tuple, "dict": dict}
CONFIG_ROOTS = frozenset({"PretrainedConfig", "PreTrainedConfig"})
SINGLE_STAGE = Record({"is_first_rank": True, "is_last_rank": True, "world_size": 1, "rank_in_group": 0}, "group")


def _maybe_prefix(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    prefix, name = (*positional, *named.values())[:2]
    if isinstance(prefix, str) and isinstance(name, str):
        return f"{prefix}.{name}" if prefix else name
    return Unknown(f"{where}: a prefix")


def _make_layers(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    values = dict(zip(("num_hidden_layers", "layer_fn", "prefix"), positional)) | named
    count, make, prefix = (values.get(name) for name in ("num_hidden_layers", "layer_fn", "prefix"))
    if not isinstance(count, int) or not isinstance(make, FunctionValue):
        return 0, Unknown(where), Node("ModuleList", unread=f"{where}: how many layers there are")
    begin = prefix if isinstance(prefix, str) else ""
    layers = [reader.inline(make, [], {"prefix": f"{begin}.{index}"}, where) for index in range(min(count, 1000))]
    return 0, count, _module_list(reader, [layers], {}, where)


def _module_list(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    items = positional[0] if positional else []
    if not isinstance(items, list | tuple):
        return Node("ModuleList", unread=f"{where}: which modules the list has")
    return Node("ModuleList", attributes={str(index): item for index, item in enumerate(items)})


def _sequential(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    return _module_list(reader, [positional], named, where)


def _module_dict(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    items = positional[0] if positional else {}
    if not isinstance(items, dict) or not all(isinstance(key, str) for key in items):
        return Node("ModuleDict", unread=f"{where}: which modules the dictionary has")
    return Node("ModuleDict", attributes=dict(items))


def _parameter(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    return Node("Parameter", parameters={"": True})


def _inner_model(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    """``init_vllm_registered_model``: the class that the registry has for the inner config."""
    config = named.get("hf_config")
    if config is None and positional and isinstance(positional[0], Record):
        model = positional[0].get("model_config")
        config = model.get("hf_config") if isinstance(model, Record) else None
    unread = Node("?", unread=f"{where}: the inner model")
    if not isinstance(config, Record):
        return unread
    names = named.get("architectures") or config.values.get("architectures")
    if not isinstance(names, list) or not names:
        names = [reader.causal_lm(str(config.values.get("model_type", "")))]
    entry = reader.registered.get(str(names[0]))
    if entry is None:
        return Node("?", unread=f"{where}: the inner model, which is {names[0] or 'not named by its config'}")
    module, class_name = entry
    file = reader.files.find(module)
    if file is None or file.class_node(class_name) is None:
        return Node(class_name, unread=f"{where}: {class_name} of {module}")
    value = reader.global_value(file, class_name)
    return reader.build(value, [], {"vllm_config": around(config), "prefix": named.get("prefix", "")})


def _getattr(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    owner, name = positional[0], positional[1]
    if isinstance(owner, Record) and isinstance(name, str):
        return owner.get(name)
    if isinstance(owner, Node) and isinstance(name, str) and name in owner.attributes:
        return owner.attributes[name]
    return Unknown(f"{where}: getattr")


def _hasattr(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    owner, name = positional[0], positional[1]
    return True if isinstance(owner, Record) and name in owner.values else Unknown(f"{where}: hasattr")


def _isinstance(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    value, kinds = positional[0], positional[1]
    kinds = kinds if isinstance(kinds, tuple | list) else (kinds,)
    names = [kind.name if isinstance(kind, External) else "" for kind in kinds]
    if isinstance(value, int | str | float | list | tuple | dict) and all(name in TYPES for name in names):
        return isinstance(value, tuple(TYPES[name] for name in names))
    if isinstance(value, Record):
        classes = reader.config_class(str(value.values.get("model_type", "")))
        if set(classes) & set(names):
            return True
        if classes and all(name.endswith("Config") for name in names) and set(classes[1:]) <= CONFIG_ROOTS:
            return False
    return Unknown(f"{where}: isinstance")


def _layer_index(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    prefix = positional[0] if positional else named.get("layer_name")
    numbers = [part for part in str(prefix).split(".") if part.isdigit()] if isinstance(prefix, str) else []
    return int(numbers[0]) if len(numbers) == 1 else Unknown(f"{where}: the layer's number")


def _one(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    return 1


def _zero(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    return 0


def _no(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    return False


def _stage(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    return SINGLE_STAGE


def _mapper(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    return mapper_of(named)


def _no_module(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    return Unknown(where)


KNOWN: dict[str, Known] = {
    "maybe_prefix": _maybe_prefix,
    "make_layers": _make_layers,
    "ModuleList": _module_list,
    "Sequential": _sequential,
    "ModuleDict": _module_dict,
    "Parameter": _parameter,
    "init_vllm_registered_model": _inner_model,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "isinstance": _isinstance,
    "extract_layer_index": _layer_index,
    "get_tensor_model_parallel_world_size": _one,
    "get_tensor_model_parallel_rank": _zero,
    "is_vit_use_data_parallel": _no,
    "get_pp_group": _stage,
    "WeightsMapper": _mapper,
    "make_empty_intermediate_tensors_factory": _no_module,
    "cast": lambda reader, positional, named, where: positional[-1],
}
"""Functions of vLLM, torch and Python whose outcome is known without looking into them."""
