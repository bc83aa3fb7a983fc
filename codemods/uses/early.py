"""Whether a function runs while the package is imported: called there, or by a function that is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.uses.import_time import statements, uses
from codemods.uses.importers import Binding, Found, importers, references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codemods.uses.package import Package

_MADE = ("__init__", "__post_init__", "__new__")
_RUN = ("called", "a decorator")


def runs_early(package: Package, module: str, inside: tuple[str, ...], seen: set[Binding] | None = None) -> bool:
    """Return whether a function of a module may run while the package is imported.

    ``inside`` are the names around a place in it, from the outermost. What a function does runs where it is called, or
    decorates something; what an initializer does, where its class is made. Other methods count where their own class
    calls them; calls through other objects are not followed.
    """
    seen = set() if seen is None else seen
    this = Binding(module, ".".join(inside[:2]))
    if not inside or module not in package.files or this in seen:
        return False
    seen.add(this)
    return any(
        found.use.is_at_import or runs_early(package, found.module, found.use.inside, seen)
        for found in _calls(package, module, inside)
        if found.use.how in _RUN
    )


def _calls(package: Package, module: str, inside: tuple[str, ...]) -> Iterator[Found]:
    own = Binding(module, inside[0])
    if len(inside) == 1 or inside[1] in _MADE or not _is_class(package, own):
        yield from references(package, importers(package, module, own.name), own)
        return
    file = package.files[module]
    for use in uses(file.tree, f"self.{inside[1]}"):
        if use.inside[:1] == inside[:1] and use.inside[:2] != inside[:2]:
            yield Found(file.module, file.path, use)


def _is_class(package: Package, own: Binding) -> bool:
    body = statements(package.files[own.module].tree.body)
    return any(isinstance(node, ast.ClassDef) and node.name == own.name for node in body)
