"""Functions that import a name and hand it to what they define: whatever they made keeps what they found."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from codemods.uses.import_time import NAMED, Use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codemods.uses.package import SourceFile

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_INNER = (*NAMED, ast.Lambda)
_INDENTED = rb"^[ \t]+from\s[^\n]*\bimport\s*(?:\([^)]*|[^\n]*)\bNAME\b"
"""An import of a name that does not stand at the left margin: most files need not be parsed for it."""


class _Inner(NamedTuple):
    """An import in a function: the function, the names around its body from the outermost, and what is bound."""

    function: ast.AST
    inside: tuple[str, ...]
    module: str
    name: str
    bound: str


def captured(file: SourceFile, modules: set[str], name: str) -> Iterator[Use]:
    """Yield, of each function that imports ``name`` of one of these modules, a use of it by an inner function or class.

    A module-level import is looked up anew at each call; what a function imported stands in a cell that lives as long
    as what it defined. The use is one of the function, ``kept``, not at import.
    """
    imports = _INDENTED.replace(b"NAME", name.encode())
    for one in _inner_imports(file) if re.search(imports, file.content, re.MULTILINE) else ():
        if one.name == name and one.module in modules:
            parts = (part for part in _own(one.function) if isinstance(part, _INNER))
            names = (inner for part in parts for inner in ast.walk(part) if isinstance(inner, ast.Name))
            yield from (Use("kept", load.lineno, False, one.inside) for load in names if load.id == one.bound)


@lru_cache(maxsize=4096)
def _inner_imports(file: SourceFile) -> tuple[_Inner, ...]:
    return tuple(_imports(file, file.tree, ()))


def _imports(file: SourceFile, node: ast.AST, inside: tuple[str, ...]) -> Iterator[_Inner]:
    within = (*inside, node.name) if isinstance(node, NAMED) else inside
    for part in _own(node):
        if isinstance(part, ast.ImportFrom) and isinstance(node, _FUNCTIONS):
            module = file.absolute(part)
            yield from (_Inner(node, within, module, a.name, a.asname or a.name) for a in part.names)
        elif isinstance(part, _INNER):
            yield from _imports(file, part, within)


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements of a node, functions and classes in it as they are, without what is in them."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _INNER):
            yield from _own(child)
