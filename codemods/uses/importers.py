"""The modules that hold a function or class of another module under a name of their own."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.uses.closures import captured
from codemods.uses.import_time import Use, statements, uses

if TYPE_CHECKING:
    from codemods.uses.package import Package, SourceFile


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, order=True)
class Binding:
    """A module and its global name for the function or class."""

    module: str
    name: str


@dataclass(frozen=True)
class Found:
    """Where a use stands: the module, its file's path below the tree, and the use."""

    module: str
    path: str
    use: Use


def importers(package: Package, module: str, name: str) -> tuple[Binding, ...]:
    """Return all bindings but the module's own, sorted: by ``from … import``, through others, ``*`` and ``g = f``.

    Imports inside of functions are none: they find what the module holds when they run.
    """
    own = Binding(module, name)
    known = {own}
    names: set[str] = set()
    edges: dict[Binding, list[Binding]] = {}
    todo = [own]
    while todo:
        found = todo.pop()
        if found.name not in names:
            names.add(found.name)
            for file in package.with_word(found.name):
                for origin, binding in _bound(file, found.name):
                    edges.setdefault(origin, []).append(binding)
        new = [*edges.get(found, ()), *(Binding(m, found.name) for m in _star_importers(package, found))]
        todo += sorted(set(new) - known)
        known |= set(new)
    return tuple(sorted(known - {own}))


def references(package: Package, bindings: tuple[Binding, ...], own: Binding) -> list[Found]:
    """Return each use of a function or class, by a name of a binding or as an attribute of its module."""
    found: list[Found] = []
    for binding in sorted({own, *bindings}):
        file = package.files.get(binding.module)
        if file:
            found += [
                Found(file.module, file.path, use)
                for use in uses(file.tree, binding.name)
                if not _is_alias(file, binding, use)
            ]
    for file in package.with_word(own.name):
        modules = {binding.module for binding in (own, *bindings)}
        found += [Found(file.module, file.path, use) for use in captured(file, modules, own.name)]
        for dotted in sorted(_modules_as(file, modules)):
            found += [Found(file.module, file.path, use) for use in uses(file.tree, f"{dotted}.{own.name}")]
    return found


def member_references(package: Package, bindings: tuple[Binding, ...], own: Binding, member: str) -> list[Found]:
    """Return each use of ``Class.member`` by the class's names, and of ``self.member`` in its methods."""
    found = [Found(own.module, package.files[own.module].path, use) for use in _bound_methods(package, own, member)]
    for binding in sorted({own, *bindings}):
        file = package.files.get(binding.module)
        if file and member.encode() in file.content:
            found += [Found(file.module, file.path, use) for use in uses(file.tree, f"{binding.name}.{member}")]
    return found


def _bound_methods(package: Package, own: Binding, member: str) -> list[Use]:
    """Return where a class's own methods name one of them by ``self``; of a property, nowhere."""
    file = package.files[own.module]
    classes = [node for node in statements(file.tree.body) if isinstance(node, ast.ClassDef) and node.name == own.name]
    made = [part for node in classes for part in node.body if isinstance(part, _FUNCTIONS) and part.name == member]
    if not made or any("property" in ast.unparse(decorator) for decorator in made[-1].decorator_list):
        return []
    return [use for use in uses(file.tree, f"self.{member}") if use.inside[:1] == (own.name,)]


def _bound(file: SourceFile, name: str) -> list[tuple[Binding, Binding]]:
    """Return (origin, binding) of each statement that takes ``name`` from elsewhere, or gives it another name."""
    taken = [(Binding(m, n), Binding(file.module, bound)) for m, n, bound in file.imports.members if n == name]
    renamed = [
        (Binding(file.module, n), Binding(file.module, bound)) for n, bound, _ in file.imports.renamed if n == name
    ]
    return taken + renamed


def _star_importers(package: Package, found: Binding) -> tuple[str, ...]:
    origin = package.files.get(found.module)
    if found.module not in package.stars or origin is None or not is_exported(origin, found.name):
        return ()
    return package.stars[found.module]


def is_exported(file: SourceFile, name: str) -> bool:
    """Return whether ``import *`` takes a name: ``__all__`` says so, or there is none and it is public."""
    for node in file.tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return any(isinstance(part, ast.Constant) and part.value == name for part in ast.walk(node.value))
    return not name.startswith("_")


def _is_alias(file: SourceFile, binding: Binding, use: Use) -> bool:
    """Return whether a use is ``g = f``: that name is a binding itself."""
    return any(name == binding.name and line == use.line for name, _, line in file.imports.renamed)


def _modules_as(file: SourceFile, modules: set[str]) -> set[str]:
    """Return how a file's own imports, wherever they stand, name one of these modules."""
    return {bound for module, bound in file.imports.modules if module in modules}
