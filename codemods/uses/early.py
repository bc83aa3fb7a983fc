"""Whether a function runs while the package is imported: called there, or by a function that is."""

from __future__ import annotations

import ast
from itertools import islice
from typing import TYPE_CHECKING

from codemods.uses.import_time import MAKES, statements, uses
from codemods.uses.importers import Binding, Found, importers, references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codemods.uses.package import Package

_MADE = ("__init__", "__post_init__", "__new__")
_RUN = ("called", "a decorator", MAKES)
FOLLOWED = 20
"""So many functions are looked at for one target: what is made at import is made a few calls away from it."""
COMMON = 80
"""A name that stands in so many files is not followed: most of them mean something else by it."""


def runs_early(package: Package, module: str, inside: tuple[str, ...], seen: set[Binding]) -> bool:
    """Return whether a function of a module runs while the package is imported, whatever machine that is on.

    ``inside`` are the names around a place in it, from the outermost. What a function does runs where it is called, or
    decorates something; what a function in it does, where that one calls it, or is called to make a decorator; what
    an initializer does, where its class is made. Other methods count where their own class calls them; calls through
    other objects are not followed. ``seen`` are those that were looked at already.
    """
    this = Binding(module, ".".join(inside[:2]))
    if not inside or module not in package.files or this in seen or len(seen) >= FOLLOWED:
        return False
    if len(list(islice(package.with_word(inside[0]), COMMON))) == COMMON:
        return False
    seen.add(this)
    return any(
        found.use.is_at_import or runs_early(package, found.module, found.use.inside, seen)
        for found in _calls(package, module, inside)
        if found.use.how in _RUN and found.use.is_certain
    )


def _calls(package: Package, module: str, inside: tuple[str, ...]) -> Iterator[Found]:
    own, file = Binding(module, inside[0]), package.files[module]
    is_method = len(inside) > 1 and _is_class(package, own)
    if len(inside) == 1 or (is_method and inside[1] in _MADE):
        yield from references(package, importers(package, module, own.name), own)
        return
    for use in uses(file.tree, f"self.{inside[1]}" if is_method else inside[1]):
        if use.inside[:1] == inside[:1] and use.inside[:2] != inside[:2]:
            yield Found(module, file.path, use)
    if not is_method:
        found = references(package, importers(package, module, own.name), own)
        yield from (place for place in found if place.use.how == MAKES)


def _is_class(package: Package, own: Binding) -> bool:
    body = statements(package.files[own.module].tree.body)
    return any(isinstance(node, ast.ClassDef) and node.name == own.name for node in body)
