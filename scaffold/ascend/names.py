"""What a name or an attribute stands for: in a module, a class, an object; patches first."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from scaffold.ascend import calls, expressions
from scaffold.ascend.frames import Frame
from scaffold.ascend.tables import (
    AITER,
    ASSUMED,
    GROUPS,
    JIT_DECORATORS,
    JIT_PACKAGES,
    PROBES,
    WRAPPERS,
)
from scaffold.ascend.trees import EITHER, LAYER_TABLE, Binding, Module
from scaffold.ascend.values import (
    NOTHING,
    TRUE,
    UNKNOWN,
    Bound,
    Const,
    Elements,
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
    truth,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker

QUANTISED = "the quantisation method that the checkpoint's config asks for"


def in_module(walker: Walker, module: Module, name: str) -> Values | None:
    """Return what a name of a module stands for; None if the module does not bind it."""
    patch = walker.patches.get((module.name, "", name))
    if patch is not None:
        walker.found.patches_used[patch.key] = None
        return patch.values
    key = (module.name, name)
    if key not in walker.cache:
        walker.cache[key] = UNKNOWN
        walker.cache[key] = _in_module(walker, module, name)
    found = walker.cache[key]
    assert found is None or isinstance(found, frozenset)
    return found


def _in_module(walker: Walker, module: Module, name: str) -> Values | None:
    parts: list[Values] = []
    for binding in reversed(module.binding(name)):
        held = [holds(walker, module, test, wanted) for test, wanted in binding.tests]
        if False in held:
            continue
        parts.append(_bound(walker, module, binding, name))
        if None not in held:
            break
    if parts:
        return join(parts)
    for star in module.stars:
        if isinstance(star.node, ast.ImportFrom):
            source = walker.trees.module(module.absolute(star.node))
            found = None if source is None or source is module else in_module(walker, source, name)
            if found is not None:
                return found
    return None


def holds(walker: Walker, module: Module, test: ast.expr, wanted: bool) -> bool | None:
    """Return whether a condition at a module's top level is as wanted; None where that is not known."""
    if test is EITHER:
        return None
    key = (module.name, test)
    if key not in walker.cache:
        walker.cache[key] = None
        walker.cache[key] = truth(expressions.evaluate(walker, test, Frame(module)))
    found = walker.cache[key]
    return None if found is None else found is wanted


def _bound(walker: Walker, module: Module, binding: Binding, name: str) -> Values:
    node, alias = binding.node, binding.alias
    if isinstance(node, ast.ClassDef):
        return frozenset({tree_class(module, node)})
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return frozenset({decorated(walker, Function(module, node), Frame(module))})
    if isinstance(node, ast.Import) and alias is not None:
        return imported(walker, alias)
    if isinstance(node, ast.ImportFrom) and alias is not None:
        source = module.absolute(node)
        if source == module.name:  # a package that imports a module of its own
            return whole_module(walker, f"{source}.{alias.name}")
        return member(walker, source, alias.name)
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    targets = node.targets if isinstance(node, ast.Assign) else []
    if value is None or any(not isinstance(target, ast.Name) for target in targets):
        return UNKNOWN
    found = expressions.evaluate(walker, value, Frame(module))
    return found | UNKNOWN if name in module.changing else found


def imported(walker: Walker, alias: ast.alias) -> Values:
    """Return what ``import a.b`` or ``import a.b as c`` binds."""
    return whole_module(walker, alias.name if alias.asname else alias.name.split(".")[0])


def whole_module(walker: Walker, name: str) -> Values:
    """Return a module of the trees, or the name of one outside."""
    return frozenset({ModuleRef(name) if walker.trees.has(name) else External(name)})


def member(walker: Walker, module: str, name: str) -> Values:
    """Return what a name of a module stands for, the module given by its full name."""
    special = _special(walker, module, name)
    if special is not None:
        return special
    if not walker.trees.has(module):
        return frozenset({External(f"{module}.{name}")})
    parsed = walker.trees.module(module)
    found = None if parsed is None else in_module(walker, parsed, name)
    if found is not None:
        return found
    inner = f"{module}.{name}"
    return frozenset({ModuleRef(inner)}) if walker.trees.has(inner) else UNKNOWN


def _special(walker: Walker, module: str, name: str) -> Values | None:
    """Return what a name stands for that the walk knows from elsewhere."""
    if f"{module}.{name}" in GROUPS:
        return frozenset({External(f"vllm.distributed.{name}")})
    if module == "vllm.platforms" and name == "current_platform":
        return frozenset({Platform()})
    if module.startswith("vllm.triton_utils"):
        outside = {"triton": "triton", "tl": "triton.language", "tldevice": "triton.language"}
        return frozenset({External(outside[name])}) if name in outside else TRUE if name == "HAS_TRITON" else None
    for wrapper, package in WRAPPERS.items():
        if module == wrapper or module.startswith(f"{wrapper}."):
            if name.startswith(PROBES):
                return frozenset({External(f"<probe>.{name}")})
            return None if name.isupper() or name.startswith("_") else frozenset({External(f"{package}.{name}")})
    if module == AITER and name == "rocm_aiter_ops":
        return frozenset({External("<aiter>")})
    return _default(walker, name) if module == "vllm.envs" else None


def _default(walker: Walker, name: str) -> Values | None:
    """Return the default of an environment variable, as the annotations in vllm/envs.py give it."""
    envs = walker.trees.module("vllm.envs")
    for binding in () if envs is None else envs.binding(name):
        if isinstance(binding.node, ast.AnnAssign) and isinstance(binding.node.value, ast.Constant):
            return constant(binding.node.value.value)
    return UNKNOWN


def tree_class(module: Module, node: ast.ClassDef) -> TreeClass:
    """Return the class that a definition makes; the same for the same definition."""
    found = module.classes.setdefault(node, TreeClass(module, node))
    assert isinstance(found, TreeClass)
    return found


def decorated(walker: Walker, function: Function, frame: Frame) -> Value:
    """Return a function, or the kernel that its decorators make of it."""
    decorators = [] if isinstance(function.node, ast.Lambda) else function.node.decorator_list
    for decorator in decorators:
        callee = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (getattr(callee, "id", "") or getattr(callee, "attr", "")) not in JIT_DECORATORS:
            continue
        for value in expressions.evaluate(walker, callee, frame):
            package = value.name.split(".")[0] if isinstance(value, External) else ""
            if package in JIT_PACKAGES:
                return TritonKernel(function, package)
    return function


def mro(walker: Walker, cls: TreeClass) -> tuple[Value, ...]:
    """Return a class and its bases in the order in which names are looked up; bases outside of the trees as well."""
    key = ("mro", cls)
    if key not in walker.cache:
        walker.cache[key] = (cls,)
        order: list[Value] = []
        for base in cls.node.bases:
            for value in list(expressions.evaluate(walker, base, Frame(cls.module)))[:1]:
                order += mro(walker, value) if isinstance(value, TreeClass) else [value]
        last = {value: number for number, value in enumerate(order)}
        walker.cache[key] = (cls, *(value for number, value in enumerate(order) if last[value] == number))
    return walker.cache[key]  # type: ignore[return-value]


def is_a(walker: Walker, cls: TreeClass, *wanted: str) -> bool:
    """Return whether a class of one of these names is among its bases."""
    return any(isinstance(base, TreeClass) and base.name in wanted for base in mro(walker, cls))


def of_class(walker: Walker, cls: TreeClass, name: str, after: TreeClass | None = None) -> tuple[Value | Values, Value]:
    """Return what a class or one of its bases has under a name, and which one.

    A function is given as it is, everything else as what it may be; nothing if no class has the name.
    """
    order = mro(walker, cls)
    if after is not None and after in order:
        order = order[order.index(after) + 1 :]
    for base in order:
        if not isinstance(base, TreeClass):
            continue
        patch = walker.patches.get((base.module.name, base.name, name))
        if patch is not None:
            walker.found.patches_used[patch.key] = None
            found = next(iter(patch.values), Unknown())
            return (found if isinstance(found, Function) else patch.values), base
        node = _body(walker, base).get(name)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            key = ("method", node)
            made = walker.cache.setdefault(
                key, decorated(walker, Function(base.module, node, base), Frame(base.module))
            )
            return made, base  # type: ignore[return-value]
        if isinstance(node, ast.ClassDef):
            return frozenset({tree_class(base.module, node)}), base
        if isinstance(node, ast.expr):
            return expressions.evaluate(walker, node, Frame(base.module)), base
    return NOTHING, cls


def _body(walker: Walker, cls: TreeClass) -> dict[str, ast.stmt | ast.expr]:
    key = ("body", cls.node)
    if key not in walker.cache:
        found: dict[str, ast.stmt | ast.expr] = {}
        for node in cls.node.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                kinds = [] if isinstance(node, ast.ClassDef) else [ast.unparse(d) for d in node.decorator_list]
                if not any(kind.endswith((".setter", "overload")) for kind in kinds):
                    found[node.name] = node
            elif isinstance(node, ast.Assign):
                found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                found[node.target.id] = node.value
        walker.cache[key] = found
    return walker.cache[key]  # type: ignore[return-value]


def fields(walker: Walker, cls: TreeClass) -> dict[str, tuple[ast.expr | None, Module]]:
    """Return the annotated fields of a class without ``__init__``, with their defaults."""
    found: dict[str, tuple[ast.expr | None, Module]] = {}
    for base in reversed(mro(walker, cls)):
        for node in base.node.body if isinstance(base, TreeClass) else ():
            if isinstance(base, TreeClass) and isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = (node.value, base.module)
    return found


def lacks(walker: Walker, value: Value, name: str) -> bool:
    """Return whether an object is known to have no such attribute: its class has nothing but the fields it lists."""
    if not isinstance(value, Instance) or isinstance(of_class(walker, value.of, "__init__")[0], Function):
        return False
    listed = fields(walker, value.of)
    return bool(listed) and name not in listed and not of_class(walker, value.of, name)[0]


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
    return member(walker, value.name, name)


def _of_tree_class(walker: Walker, value: TreeClass, name: str, frame: Frame) -> Values:
    if name == "__name__":
        return constant(value.name)
    found, _ = of_class(walker, value, name)
    if not found and name == "apply":  # torch.autograd.Function
        found, _ = of_class(walker, value, "forward")
    if isinstance(found, Function) and _kind(found) == "classmethod":
        return frozenset({Bound(found, value)})
    if isinstance(found, Value):
        return frozenset({found})
    return found or UNKNOWN


def _of_super(walker: Walker, value: Super, name: str, frame: Frame) -> Values:
    of = value.receiver.of if isinstance(value.receiver, Instance) else value.receiver
    found = of_class(walker, of, name, value.owner)[0] if isinstance(of, TreeClass) else NOTHING
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
    found, _ = of_class(walker, value.of, name)
    if isinstance(found, Function):
        kind = _kind(found)
        if kind == "property":
            return calls.invoke(walker, found, value, [], {}, found.module.site(found.node), frame)
        receiver: Value = value.of if kind == "classmethod" else value
        return frozenset({found if kind == "staticmethod" else Bound(found, receiver)})
    if found:
        return found if isinstance(found, frozenset) else frozenset({found})
    if name == "__class__":
        return frozenset({value.of})
    outside = any(isinstance(base, External) for base in mro(walker, value.of))
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
        return frozenset({Unknown(QUANTISED)} | ({Const(None, "NoneType")} if walker.is_quantised is None else set()))
    if path[-1] in ("hf_config", "hf_text_config") and walker.config is not None:
        return settings(walker.config, path[-1] == "hf_text_config")
    return frozenset({EngineConfig(path)})


def settings(config: object, text: bool = False) -> Values:
    """Return what the checkpoint's config is; of a text config, where there is one inside, that one."""
    if not isinstance(config, Mapping):
        return UNKNOWN
    inner = config.get("text_config") if text else None
    held = inner if isinstance(inner, Mapping) else config
    items = {**held, **({} if "rope_parameters" in held else {"rope_parameters": _rope(held)})}
    return frozenset({Settings(tuple((str(key), _setting(item)) for key, item in items.items()))})


def _rope(config: Mapping[str, object]) -> dict[str, object]:
    """Return the rotation's parameters as vLLM completes them (vllm/transformers_utils/config.py)."""
    given = config.get("rope_scaling")
    scaling = dict(given) if isinstance(given, Mapping) else {}
    kind = scaling.get("rope_type") or scaling.get("type") or "default"
    shared = {key: config[key] for key in ("rope_theta", "partial_rotary_factor") if key in config}
    return {**shared, **scaling, "rope_type": kind}


def _setting(value: object) -> Values:
    if isinstance(value, Mapping):
        return frozenset({Settings(tuple((str(key), _setting(item)) for key, item in value.items()), whole=True)})
    if isinstance(value, list):
        return frozenset({Elements(join(_setting(item) for item in value[:64]))})
    return constant(value) if isinstance(value, str | int | float | bool | None) else UNKNOWN


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
