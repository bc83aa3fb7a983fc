"""What vllm-ascend puts in the place of vLLM's code: layers and patches, each with its place in both trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.ascend import (
    classes,
    expressions,
    names,
    statements,
)
from scaffold.ascend.frames import Frame
from scaffold.ascend.tables import LEAVES
from scaffold.ascend.trees import Module, Site
from scaffold.ascend.values import Function, ModuleRef, TreeClass, Value, Values, truth
from scaffold_validators.imports import unresolved_imports

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker

PATCHES = ("vllm_ascend.patch.platform", "vllm_ascend.patch.worker")
"""The packages whose import applies the patches (vllm_ascend/patch/__init__.py)."""
REGISTER = "register_oot"
_IMPORTS = re.compile(r"^\s*(?:from|import) (vllm\.[\w.]+)", re.MULTILINE)


@dataclass(frozen=True)
class Registration:
    """A class that ``register_oot`` puts in the place of every class of a name."""

    cls: TreeClass
    site: Site
    only_if: str = ""


@dataclass(frozen=True)
class Patch:
    """A name of a module or class of vLLM's that vllm-ascend sets.

    Attributes:
        module: the module whose name, or whose class's name, is set.
        of: the class; empty for a name of the module.
        name: what is set.
        values: what it is set to.
        site: the line that sets it.
        target: where vLLM has it; None if vLLM has nothing of that name.
        only_if: the condition under which it is set, where that could not be decided.
    """

    module: str
    of: str
    name: str
    values: Values
    site: Site
    target: Site | None
    only_if: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what is looked up by."""
        return self.module, self.of, self.name

    @property
    def shown(self) -> str:
        """Return the target's full name."""
        return ".".join(part for part in self.key if part)


def registered_layers(walker: Walker) -> dict[str, Registration]:
    """Return the out-of-tree layers of vllm-ascend, by the name of the class that each replaces."""
    root = walker.trees.roots.get("vllm_ascend")
    found: dict[str, Registration] = {}
    for name in () if root is None else _registering(root / "vllm_ascend"):
        module = walker.trees.module(name)
        for node in ast.walk(module.whole) if module is not None else ():
            if module is not None and isinstance(node, ast.FunctionDef):
                found |= _in_function(walker, module, node)
            elif module is not None and isinstance(node, ast.ClassDef):
                found |= _by_decorator(walker, module, node)
    return found


@lru_cache(maxsize=8)
def _registering(package: Path) -> tuple[str, ...]:
    """Return the modules whose text registers layers."""
    found = []
    for path in sorted(package.rglob("*.py")):
        if f".{REGISTER}(".encode() in path.read_bytes():
            found.append(".".join(path.relative_to(package.parent).with_suffix("").parts))
    return tuple(found)


def _in_function(walker: Walker, module: Module, node: ast.FunctionDef) -> dict[str, Registration]:
    """Read a function that registers the rows of a table in a loop, or classes one by one."""
    registering = [c for c in ast.walk(node) if isinstance(c, ast.Call) and ast.unparse(c.func).endswith(REGISTER)]
    if not registering:
        return {}
    frame = Frame(module)
    statements.run(walker, node.body, frame)
    tables = {
        ast.unparse(loop.iter.func.value)
        for loop in ast.walk(node)
        if isinstance(loop, ast.For) and isinstance(loop.iter, ast.Call) and isinstance(loop.iter.func, ast.Attribute)
    }
    found: dict[str, Registration] = {}
    for key, value, tests in _rows(node.body, tables, ()):
        held = [truth(expressions.evaluate(walker, test, frame)) is not (not wanted) for test, wanted in tests]
        decided = [truth(expressions.evaluate(walker, test, frame)) for test, _ in tests]
        if not all(held):
            continue
        texts = [ast.unparse(test) for (test, _), answer in zip(tests, decided) if answer is None]
        for cls in expressions.evaluate(walker, value, frame):
            if isinstance(cls, TreeClass):
                found[key] = Registration(cls, module.site(value), " and ".join(texts)[:120])
    return found


Tests = tuple[tuple[ast.expr, bool], ...]


def _rows(body: list[ast.stmt], tables: set[str], tests: Tests) -> Iterator[tuple[str, ast.expr, Tests]]:
    """Yield the rows that are put into tables: name, class, the conditions around."""
    for node in body:
        if isinstance(node, ast.If):
            yield from _rows(node.body, tables, (*tests, (node.test, True)))
            yield from _rows(node.orelse, tables, (*tests, (node.test, False)))
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if ast.unparse(target) in tables and isinstance(node.value, ast.Dict):
                    yield from _of_dict(node.value, tests)
                into = target if isinstance(target, ast.Subscript) else None
                if into is not None and isinstance(into.slice, ast.Constant) and ast.unparse(into.value) in tables:
                    yield str(into.slice.value), node.value, tests
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield from _of_call(node.value, tables, tests)


def _of_call(node: ast.Call, tables: set[str], tests: Tests) -> Iterator[tuple[str, ast.expr, Tests]]:
    if isinstance(node.func, ast.Attribute) and node.func.attr == "update" and ast.unparse(node.func.value) in tables:
        for argument in node.args:
            if isinstance(argument, ast.Dict):
                yield from _of_dict(argument, tests)
    elif ast.unparse(node.func).endswith(REGISTER):
        named = {item.arg: item.value for item in node.keywords}
        held = [*node.args, *(value for key, value in named.items() if key != "name")]
        name = named.get("name")
        if held and isinstance(name, ast.Constant):
            yield str(name.value), held[0], tests


def _of_dict(node: ast.Dict, tests: Tests) -> Iterator[tuple[str, ast.expr, Tests]]:
    for key, value in zip(node.keys, node.values):
        if isinstance(key, ast.Constant):
            yield str(key.value), value, tests


def _by_decorator(walker: Walker, module: Module, node: ast.ClassDef) -> dict[str, Registration]:
    for decorator in node.decorator_list:
        callee = decorator.func if isinstance(decorator, ast.Call) else decorator
        if not isinstance(callee, ast.Attribute) or callee.attr != REGISTER:
            continue
        named = {k.arg: k.value for k in decorator.keywords} if isinstance(decorator, ast.Call) else {}
        name = named.get("name")
        replaced = str(name.value) if isinstance(name, ast.Constant) else ast.unparse(callee.value).split(".")[-1]
        return {replaced: Registration(classes.tree_class(module, node), module.site(node))}
    return {}


@dataclass(frozen=True)
class Gone:
    """Something that a patch module imports and this vLLM does not have; ``only_if`` it is imported at all."""

    what: str
    site: Site
    only_if: str = ""


@dataclass(frozen=True)
class Patches:
    """All patches, by what is looked up; what they import in vain; the modules in which no target was found."""

    by_key: dict[tuple[str, str, str], Patch]
    gone: tuple[Gone, ...]
    unread: tuple[str, ...]


def read_patches(walker: Walker) -> Patches:
    """Return the patches of vllm-ascend."""
    found: dict[tuple[str, str, str], Patch] = {}
    gone: list[Gone] = []
    unread = []
    for package in PATCHES:
        module = walker.trees.module(package)
        for name, condition in () if module is None else _imports(walker, module, module.whole.body, ""):
            if _is_elsewhere(walker, name):
                continue
            patches = _of_module(walker, name, condition)
            if not patches:
                unread.append(name)
            gone += _gone(walker, name, condition)
            found |= {patch.key: patch for patch in patches}
    return Patches(found, tuple(gone), tuple(unread))


def _gone(walker: Walker, name: str, condition: str) -> Iterator[Gone]:
    """Yield the imports at the top level of a patch module that fail; those that it expects to fail are left out."""
    module = walker.trees.module(name)
    for node in [] if module is None else module.whole.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for missing in unresolved_imports(ast.unparse(node), walker.trees.roots["vllm"]):
                assert module is not None
                yield Gone(f"{missing.module}.{missing.name}".rstrip("."), module.site(node), condition)


def _is_elsewhere(walker: Walker, name: str) -> bool:
    """Return whether a patch module imports only such modules of vLLM's in which nothing of a model is computed."""
    module = walker.trees.module(name)
    named = [] if module is None else _IMPORTS.findall(module.text)
    return bool(named) and all(any(n == leaf or n.startswith(f"{leaf}.") for leaf in LEAVES) for n in named)


def _imports(walker: Walker, module: Module, body: list[ast.stmt], condition: str) -> Iterator[tuple[str, str]]:
    """Yield the patch modules that a package imports, with the condition where it could not be decided."""
    frame = Frame(module)
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, condition) for alias in node.names if alias.name.startswith(PATCHES))
        elif isinstance(node, ast.ImportFrom) and module.absolute(node).startswith(PATCHES):
            yield from ((f"{module.absolute(node)}.{alias.name}", condition) for alias in node.names)
        elif isinstance(node, ast.If):
            held = truth(expressions.evaluate(walker, node.test, frame))
            unsure = ast.unparse(node.test)[:120] if held is None else condition
            if held is not False:
                yield from _imports(walker, module, node.body, unsure)
            if held is not True:
                yield from _imports(walker, module, node.orelse, f"not: {unsure}" if held is None else condition)
        elif isinstance(node, ast.Try):
            yield from _imports(walker, module, node.body, condition)


def _of_module(walker: Walker, name: str, condition: str) -> list[Patch]:
    module = walker.trees.module(name)
    if module is None:
        return []
    walker.written = []
    statements.run(walker, module.whole.body, Frame(module))
    written, walker.written = walker.written, None
    found = []
    for receiver, attribute, values, frame, node, only_if in written:
        patch = _patch(walker, receiver, attribute, values, frame.module.site(node), only_if or condition)
        if patch is not None:
            found.append(patch)
    return found


def _patch(walker: Walker, receiver: Value, name: str, values: Values, site: Site, only_if: str) -> Patch | None:
    if isinstance(receiver, ModuleRef):
        module = walker.trees.module(receiver.name)
        if module is None or not receiver.name.startswith("vllm."):
            return None
        return Patch(receiver.name, "", name, values, site, _in_module(walker, module, name), only_if)
    if isinstance(receiver, TreeClass) and receiver.module.name.startswith("vllm."):
        target = _in_class(walker, receiver, name)
        return Patch(receiver.module.name, receiver.name, name, values, site, target, only_if)
    return None


def _in_module(walker: Walker, module: Module, name: str) -> Site | None:
    """Return where a module's name is defined; for one that it imports, there."""
    found = names.in_module(walker, module, name)
    for value in found or ():
        if isinstance(value, TreeClass | Function):
            return value.module.site(value.node)
    bindings = module.binding(name)
    return module.site(bindings[-1].node) if bindings else None


def _in_class(walker: Walker, cls: TreeClass, name: str) -> Site | None:
    found, owner = classes.of_class(walker, cls, name)
    if isinstance(found, Function):
        return found.module.site(found.node)
    return owner.module.site(owner.node) if found and isinstance(owner, TreeClass) else None
