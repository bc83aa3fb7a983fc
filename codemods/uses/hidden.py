"""Modules behind whose name their package has something else, so that ``from package import module`` binds that."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.uses.import_time import NAMED, statements
from codemods.uses.importers import is_exported

if TYPE_CHECKING:
    from codemods.uses.package import Package, SourceFile


def is_hidden(package: Package, module: str) -> bool:
    """Return whether a module's package gives its name to something else: an import, a definition, ``import *``."""
    parent, _, leaf = module.rpartition(".")
    file = package.files.get(parent)
    if file is None:
        return False
    starred = (package.files[origin] for origin in file.imports.stars if origin in package.files)
    return _gives(file, module, leaf) or any(is_exported(one, leaf) and _gives(one, module, leaf) for one in starred)


def _gives(file: SourceFile, module: str, name: str) -> bool:
    """Return whether a file binds a name at import, to something else than the module."""
    bound = {f"{origin}.{own}" for origin, own, known in file.imports.members if known == name}
    for node in statements(file.tree.body):
        if isinstance(node, NAMED) and node.name == name:
            bound.add("")
        elif isinstance(node, ast.Import):
            bound |= {alias.name for alias in node.names if (alias.asname or alias.name.partition(".")[0]) == name}
        elif isinstance(node, ast.Assign):
            bound |= {"" for target in node.targets if isinstance(target, ast.Name) and target.id == name}
    return bool(bound - {module})
