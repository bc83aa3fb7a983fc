"""Functions of vLLM, torch and Python whose outcome is known without looking into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scaffold.source.python.objects import External
from scaffold.vllm_models.arguments import prefix_of
from scaffold.vllm_models.experts import Experts
from scaffold.vllm_models.layers import Arguments
from scaffold.vllm_models.mappers import mapper_of
from scaffold.vllm_models.reader import Known, Reader
from scaffold.vllm_models.shares import uneven
from scaffold.vllm_models.values import ClassValue, FunctionValue, Node, Parameter, Partial, Record, Unknown

TYPES = {"int": int, "str": str, "float": float, "bool": bool, "list": list, "tuple": tuple, "dict": dict}
CONFIG_ROOTS = frozenset({"PretrainedConfig", "PreTrainedConfig"})
MAX_LAYERS = 1000
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
    numbers: Sequence[int] = range(min(count, MAX_LAYERS))
    if reader.ranks > 1:
        numbers = [number for number in numbers if number in reader.kinds.get(where, numbers)]
    layers = [reader.inline(make, [], {"prefix": f"{begin}.{index}"}, where) for index in numbers]
    first = {layer.form() if isinstance(layer, Node) else n: n for n, layer in reversed(list(zip(numbers, layers)))}
    reader.kinds.setdefault(where, set()).update(first.values())
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
    return Node("Parameter", parameters={"": Parameter()})


def _experts(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    """``FusedMoE`` and the functions that make one."""
    given = Arguments(dict(zip(("num_experts", "top_k", "hidden_size", "intermediate_size"), positional)) | named)
    for reason in uneven(given.size("intermediate_size"), "inner entries of an expert", reader.ranks):
        reader.fault(where, f"makes experts: {reason}", of_sizes=True)
    names = given.values.get("ckpt_names")
    is_named = isinstance(names, tuple | list) and len(names) == 3 and all(isinstance(n, str | None) for n in names)
    activation = given.values.get("activation", "silu")
    experts = Experts(
        count=given.size("num_experts"),
        hidden=given.size("hidden_size"),
        inner=given.size("intermediate_size"),
        names=tuple(names) if is_named else Experts.names,  # type: ignore[arg-type]
        has_bias=given.switch("has_bias", False),
        is_transposed=given.switch("is_fused_checkpoint_transposed", False),
        is_gated=not (isinstance(activation, str) and activation.endswith("_no_mul")),
        quantised=f"{where}: experts with a quantisation" if given.values.get("quant_config") is not None else "",
    )
    return Node("FusedMoE", experts=experts, layer="FusedMoE", prefix=prefix_of(named), asked_as=reader.asked_as)


def _inner_model(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    """``init_vllm_registered_model``: the class that the registry has for the inner config."""
    config = named.get("hf_config")
    around_it = positional[0] if positional else named.get("vllm_config")
    if config is None and isinstance(around_it, Record):
        model = around_it.get("model_config")
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
    with reader.asking_as(config):
        return reader.build(value, [], {"vllm_config": reader.around(config), "prefix": named.get("prefix", "")})


def _initialize_model(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    """``initialize_model``: the class that it is given, or the one of the config."""
    made = named.get("model_class")
    config = positional[0] if positional else named.get("vllm_config")
    if isinstance(made, ClassValue):
        return reader.build(made, [], {"vllm_config": config, "prefix": named.get("prefix", "")})
    return _inner_model(reader, positional, named, where)


def _partial(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    return Partial(positional[0], tuple(positional[1:]), named) if positional else Unknown(where)


def _getattr(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    owner, name = positional[0], positional[1]
    if isinstance(owner, Record) and isinstance(name, str):
        if owner.lacks(name) and len(positional) > 2:
            reader.defaulted.setdefault(name, where)
            return positional[2]
        return owner.get(name)
    if isinstance(owner, Node) and isinstance(name, str) and name in owner.attributes:
        return owner.attributes[name]
    return Unknown(f"{where}: getattr")


def _hasattr(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    owner, name = positional[0], positional[1]
    if isinstance(owner, Record) and (name in owner.values or owner.lacks(name)):
        return name in owner.values
    return Unknown(f"{where}: hasattr")


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


def _ranks(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    return reader.ranks


def _divide(reader: Reader, positional: list[Any], named: dict[str, Any], where: str) -> Any:
    """``divide``, which fails where something is left over (vLLM: distributed/utils.py)."""
    whole, parts = (*positional, *named.values())[:2]
    if not isinstance(whole, int) or not isinstance(parts, int) or not parts:
        return Unknown(f"{where}: divide()")
    for reason in uneven(whole, "entries", parts):
        reader.fault(where, f"divides: {reason}", of_sizes=True)
    return whole // parts


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
    "initialize_model": _initialize_model,
    "partial": _partial,
    "FusedMoE": _experts,
    "FusedMoEFactory": _experts,
    "SharedFusedMoE": _experts,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "isinstance": _isinstance,
    "extract_layer_index": _layer_index,
    "get_tensor_model_parallel_world_size": _ranks,
    "divide": _divide,
    "get_tensor_model_parallel_rank": _zero,
    "is_vit_use_data_parallel": _no,
    "is_fusion_moe_shared_experts_enabled": _no,
    **dict.fromkeys(("is_cuda", "is_cuda_alike", "is_rocm", "is_tpu", "is_xpu", "is_cpu"), _no),
    "get_pp_group": _stage,
    "WeightsMapper": _mapper,
    "make_empty_intermediate_tensors_factory": _no_module,
    "cast": lambda reader, positional, named, where: positional[-1],
}
"""By the last part of their names. An NPU is none of the platforms that are asked for."""
