"""What an attribute of a value stands for."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scaffold.ascend import (
    classes,
    functions,
    names,
    settings,
)
from scaffold.ascend.frames import Frame
from scaffold.ascend.tables import (
    ASSUMED,
)
from scaffold.ascend.trees import LAYER_TABLE
from scaffold.ascend.values import (
    NOTHING,
    UNKNOWN,
    Bound,
    Const,
    EngineConfig,
    External,
    Function,
    Instance,
    Layers,
    ModuleRef,
    Platform,
    Settings,
    Super,
    TorchOperator,
    TreeClass,
    TritonKernel,
    Unknown,
    Value,
    Values,
    constant,
    join,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker

QUANTISED = "the quantisation method that the checkpoint's config asks for"


def attribute(walker: Walker, values: Values, name: str, frame: Frame) -> Values:
    """Return what an attribute of any of these values may be."""
    if len(values) == 1:
        return _attribute(walker, next(iter(values)), name, frame)
    return join(_attribute(walker, value, name, frame) for value in values)


def _attribute(walker: Walker, value: Value, name: str, frame: Frame) -> Values:
    if name in (LAYER_TABLE, "static_forward_context"):
        return frozenset({Layers()})
    rule = _RULES.get(type(value))
    return UNKNOWN if rule is None else rule(walker, value, name, frame)


def _of_module(walker: Walker, value: ModuleRef, name: str, frame: Frame) -> Values:
    return names.member(walker, value.name, name)


def _of_tree_class(walker: Walker, value: TreeClass, name: str, frame: Frame) -> Values:
    if name == "__name__":
        return constant(value.name)
    found, _ = classes.of_class(walker, value, name)
    if not found and name == "apply":  # torch.autograd.Function
        found, _ = classes.of_class(walker, value, "forward")
    if isinstance(found, Function) and _kind(found) == "classmethod":
        return frozenset({Bound(found, value)})
    if isinstance(found, Value):
        return frozenset({found})
    return found or UNKNOWN


def _of_super(walker: Walker, value: Super, name: str, frame: Frame) -> Values:
    of = value.receiver.of if isinstance(value.receiver, Instance) else value.receiver
    found = classes.of_class(walker, of, name, value.owner)[0] if isinstance(of, TreeClass) else NOTHING
    if isinstance(found, Function):
        return frozenset({found if _kind(found) == "staticmethod" else Bound(found, value.receiver)})
    return frozenset({External(f"<base>.{name}")})


def _of_engine(walker: Walker, value: EngineConfig, name: str, frame: Frame) -> Values:
    return _of_engine_config(walker, (*value.path, name))


def _of_settings(walker: Walker, value: Settings, name: str, frame: Frame) -> Values:
    return dict(value.items).get(name, UNKNOWN)


def _of_platform(walker: Walker, value: Platform, name: str, frame: Frame) -> Values:
    return UNKNOWN if value.name else frozenset({Platform(name)})


def _itself(walker: Walker, value: Value, name: str, frame: Frame) -> Values:
    return frozenset({value})


def _of_function(walker: Walker, value: Function, name: str, frame: Frame) -> Values:
    return frozenset({value}) if name in ("maybe_inplace", "default", "__wrapped__") else UNKNOWN


def _of_instance(walker: Walker, value: Instance, name: str, frame: Frame) -> Values:
    for known in (walker.building.get(value.of, {}), walker.attributes.get(value.of, {})):
        if name in known:
            return known[name]
    found, _ = classes.of_class(walker, value.of, name)
    if isinstance(found, Function):
        kind = _kind(found)
        if kind == "property":
            return functions.invoke(walker, found, value, [], {}, found.module.site(found.node), frame)
        receiver: Value = value.of if kind == "classmethod" else value
        return frozenset({found if kind == "staticmethod" else Bound(found, receiver)})
    if found:
        return found if isinstance(found, frozenset) else frozenset({found})
    if name == "__class__":
        return frozenset({value.of})
    outside = any(isinstance(base, External) for base in classes.mro(walker, value.of))
    return UNKNOWN if not outside or name.startswith("_") else frozenset({Unknown("attribute")})


def _kind(function: Function) -> str:
    if isinstance(function.node, ast.Lambda):
        return ""
    for decorator in function.node.decorator_list:
        name = getattr(decorator, "id", "") or getattr(decorator, "attr", "")
        if name in ("staticmethod", "classmethod"):
            return str(name)
        if name.endswith("property"):
            return "property"
    return ""


def _of_external(walker: Walker, value: External, name: str, frame: Frame) -> Values:
    parts = value.name.split(".")
    if parts[:2] == ["torch", "ops"] and len(parts) == 3:
        return frozenset({TorchOperator(parts[2], name)})
    return frozenset({External(f"{value.name}.{name}")})


def _of_engine_config(walker: Walker, path: tuple[str, ...]) -> Values:
    if path in ASSUMED:
        return constant(ASSUMED[path])
    if path[-1] == "quant_config":
        if walker.is_quantised is False:
            return constant(None)
        return frozenset(
            {Unknown(QUANTISED, is_told=True)} | ({Const(None, "NoneType")} if walker.is_quantised is None else set())
        )
    if path[-1] in ("hf_config", "hf_text_config") and walker.config is not None:
        return settings.as_settings(walker.config, path[-1] == "hf_text_config")
    return frozenset({EngineConfig(path)})


_RULES: dict[type[Value], Callable[[Walker, Any, str, Frame], Values]] = {
    Instance: _of_instance,
    ModuleRef: _of_module,
    TreeClass: _of_tree_class,
    External: _of_external,
    Super: _of_super,
    EngineConfig: _of_engine,
    Settings: _of_settings,
    Platform: _of_platform,
    TorchOperator: _itself,
    TritonKernel: _itself,
    Unknown: _itself,
    Function: _of_function,
}
