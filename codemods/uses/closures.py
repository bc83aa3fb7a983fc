"""Functions that import a name and hand it to what they define: whatever they made keeps what they found."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.uses.import_time import NAMED, Use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codemods.uses.package import SourceFile

_INNER = (*NAMED, ast.Lambda)


def captured(file: SourceFile, modules: set[str], name: str) -> Iterator[Use]:
    """Yield, of each function that imports ``name`` of one of these modules, a use of it by an inner function or class.

    A module-level import is looked up anew at each call; what a function imported stands in a cell that lives as long
    as what it defined. The use is one of the function, ``kept``, not at import.
    """
    yield from _captured(file, file.tree, modules, name, ())


def _captured(
    file: SourceFile, node: ast.AST, modules: set[str], name: str, inside: tuple[str, ...]
) -> Iterator[Use]:  # fmt: skip
    within = (*inside, node.name) if isinstance(node, NAMED) else inside
    bound = _imported(file, node, modules, name) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else set()
    for part in _own(node):
        if isinstance(part, _INNER):
            loads = [inner.lineno for inner in ast.walk(part) if isinstance(inner, ast.Name) and inner.id in bound]
            yield from (Use("kept", line, False, within) for line in loads[:1])
            yield from _captured(file, part, modules, name, within)


def _imported(file: SourceFile, function: ast.AST, modules: set[str], name: str) -> set[str]:
    """Return what a function's own imports call ``name``."""
    imports = [part for part in _own(function) if isinstance(part, ast.ImportFrom) and file.absolute(part) in modules]
    return {alias.asname or alias.name for part in imports for alias in part.names if alias.name == name}


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in a function's body, functions and classes in it as they are, without what is in them."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _INNER):
            yield from _own(child)
