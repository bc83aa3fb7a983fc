"""A package's modules as text, each parsed when somebody asks: nothing is imported."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from codemods.uses.import_time import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codemods.changes.change_set import ChangeSet


@dataclass(frozen=True)
class SourceFile:
    """A module's bytes and where they are; ``is_package`` where it is an ``__init__.py``."""

    module: str
    path: str
    content: bytes
    is_package: bool

    @property
    def tree(self) -> ast.Module:
        """Return the syntax tree, an empty one of a file that is not valid Python."""
        return _tree(self.content)

    @property
    def imports(self) -> Imports:
        """Return what the file's imports bind, read once."""
        return _imports(self)

    def absolute(self, node: ast.ImportFrom) -> str:
        """Return the module that ``from … import`` names."""
        if not node.level:
            return node.module or ""
        parts = self.module.split(".")
        package = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*package, *([node.module] if node.module else [])])


@dataclass(frozen=True)
class Imports:
    """A file's imports: (module, name, bound name) of those that run at import; modules by bound name, of all.

    ``stars`` are the modules of which all is taken, ``renamed`` the pairs of ``g = f``: (f, g, line).
    """

    members: tuple[tuple[str, str, str], ...]
    modules: tuple[tuple[str, str], ...]
    stars: tuple[str, ...]
    renamed: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class Package:
    """All modules of a package, by their dotted names."""

    files: Mapping[str, SourceFile]

    @cached_property
    def stars(self) -> Mapping[str, tuple[str, ...]]:
        """Return module → the modules that take all of it with ``import *``."""
        found: dict[str, list[str]] = {}
        for file in self.files.values():
            for origin in file.imports.stars if b"import *" in file.content else ():
                found.setdefault(origin, []).append(file.module)
        return {origin: tuple(modules) for origin, modules in found.items()}

    def with_word(self, word: str) -> Iterator[SourceFile]:
        """Return the files in which a word stands, in the order of their names."""
        plain, pattern = word.encode(), re.compile(rb"\b" + word.encode() + rb"\b")
        return (file for file in self.files.values() if plain in file.content and pattern.search(file.content))


def read_package(tree: Path | str, name: str, changes: ChangeSet | None = None) -> Package:
    """Read the package ``name`` below a directory, as a change set leaves it."""
    root = Path(tree).resolve()
    content = {path: path.read_bytes() for path in sorted((root / name).rglob("*.py")) if path.is_file()}
    for change in changes.changes if changes else ():
        if change.path.suffix == ".py" and change.path.is_relative_to(root / name):
            content.pop(change.path, None)
            if change.after is not None:
                content[change.path] = change.after
    return Package({file.module: file for path in sorted(content) for file in [_file(root, path, content[path])]})


def _file(root: Path, path: Path, content: bytes) -> SourceFile:
    relative = path.relative_to(root)
    is_package = relative.name == "__init__.py"
    module = ".".join((relative.parent if is_package else relative.with_suffix("")).parts)
    return SourceFile(module, relative.as_posix(), content, is_package)


@lru_cache(maxsize=4096)
def _imports(file: SourceFile) -> Imports:
    members, stars, renamed = [], [], []
    for node in statements(file.tree.body):
        if isinstance(node, ast.ImportFrom):
            origin = file.absolute(node)
            stars += [origin for alias in node.names if alias.name == "*"]
            members += [(origin, alias.name, alias.asname or alias.name) for alias in node.names if alias.name != "*"]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            renamed += [(node.value.id, name, node.value.lineno) for name in names if len(names) == len(node.targets)]
    modules = []
    for part in ast.walk(file.tree):
        if isinstance(part, ast.Import):
            modules += [(alias.name, alias.asname or alias.name) for alias in part.names]
        elif isinstance(part, ast.ImportFrom):
            origin = file.absolute(part)
            modules += [(f"{origin}.{alias.name}", alias.asname or alias.name) for alias in part.names]
    return Imports(tuple(members), tuple(modules), tuple(stars), tuple(renamed))


@lru_cache(maxsize=4096)
def _tree(content: bytes) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])
