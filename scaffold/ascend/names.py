"""What a name of a module stands for; patches first."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from scaffold.ascend import (
    classes,
    expressions,
)
from scaffold.ascend.frames import Frame
from scaffold.ascend.tables import (
    AITER,
    GROUPS,
    HAS_TRITON,
    JIT_DECORATORS,
    JIT_PACKAGES,
    PROBES,
    WRAPPERS,
)
from scaffold.ascend.trees import EITHER, Binding, Module
from scaffold.ascend.values import (
    TRUE,
    UNKNOWN,
    External,
    Function,
    ModuleRef,
    Platform,
    TritonKernel,
    Value,
    Values,
    constant,
    join,
    truth,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker


def in_module(walker: Walker, module: Module, name: str) -> Values | None:
    """Return what a name of a module stands for; None if the module does not bind it."""
    patch = walker.patches.get((module.name, "", name))
    if patch is not None:
        walker.found.patches_used[patch.key] = None
        return patch.values
    meanwhile: Values | None = UNKNOWN
    return walker.once(("name", module.name, name), lambda: _in_module(walker, module, name), meanwhile)


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
    found = walker.once(
        ("test", module.name, test), lambda: truth(expressions.evaluate(walker, test, Frame(module))), None
    )
    return None if found is None else found is wanted


def _bound(walker: Walker, module: Module, binding: Binding, name: str) -> Values:
    node, alias = binding.node, binding.alias
    if isinstance(node, ast.ClassDef):
        return frozenset({classes.tree_class(module, node)})
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
        if name == HAS_TRITON.rpartition(".")[2]:
            return walker.answers.get(HAS_TRITON, TRUE) if walker.facts.replaces else TRUE
        return frozenset({External(outside[name])}) if name in outside else None
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
