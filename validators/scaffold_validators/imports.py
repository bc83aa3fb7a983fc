"""Do the imports of a file resolve in a source tree? Read from text alone: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scaffold_validators.digest import State, state_of
from scaffold_validators.syntax import below, nodes

MOST_STARS = 8
"""How many ``from x import *`` are followed in a row."""


@dataclass(frozen=True)
class Unresolved:
    """An import that a tree does not have. ``name`` is empty where the module itself is missing."""

    line: int
    module: str
    name: str

    def __str__(self) -> str:
        what = f"no {self.name!r} in {self.module}" if self.name else f"no module {self.module}"
        return f"line {self.line}: {what}"


def unresolved_imports(text: str, tree: Path, package: str = "vllm") -> tuple[Unresolved, ...]:
    """Return the absolute imports from a tree's package that are not there.

    Args:
        text: a Python file, its relative imports made absolute.
        tree: the directory that holds the package.
        package: the top-level package that is looked into; imports of others are not judged.

    Raises:
        SyntaxError: the text does not parse.
    """
    return tuple(_unresolved(text, tree, package))


def _unresolved(text: str, tree: Path, package: str) -> Iterator[Unresolved]:
    for node in nodes(text):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == package and module_file(tree, alias.name) is None:
                    yield Unresolved(node.lineno, alias.name, "")
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == package:
            module = node.module or ""
            if module_file(tree, module) is None:
                yield Unresolved(node.lineno, module, "")
                continue
            for alias in node.names:
                if alias.name != "*" and not has_name(tree, module, alias.name):
                    yield Unresolved(node.lineno, module, alias.name)


def module_file(tree: Path, module: str) -> Path | None:
    """Return the file of a module, or None; a folder without ``__init__.py`` is a package, too."""
    place = tree.joinpath(*module.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file
    compiled = any(place.parent.glob(f"{place.name}.*.so")) if place.parent.is_dir() else False
    return place if place.is_dir() or compiled else None


def has_name(tree: Path, module: str, name: str, stars: int = MOST_STARS) -> bool:
    """Return whether a module binds a name, or is a package with a module of that name."""
    file = module_file(tree, module)
    if file is None:
        return False
    if module_file(tree, f"{module}.{name}") is not None:
        return True
    if not file.is_file():
        return False
    names, starred, lazy = _bound(file.resolve(), state_of(file))
    if name in names or (lazy and name in lazy):
        return True
    return stars > 0 and any(
        has_name(tree, absolute_module(source, level, module, file), name, stars - 1) for source, level in starred
    )


def absolute_module(source: str, level: int, module: str, file: Path) -> str:
    """Return the full name of what ``from`` names with so many leading dots, in a module whose file is given."""
    if not level:
        return source
    parts = module.split(".")
    if file.name != "__init__.py":
        parts = parts[:-1]
    return ".".join([*parts[: len(parts) - level + 1], *([source] if source else [])])


@lru_cache(maxsize=64)
def parsed_file(file: Path, state: State) -> ast.Module:
    """Parse a file of the tree. ``state`` is that of the file, so that an edited one is read anew."""
    return ast.parse(file.read_text(encoding="utf-8"))


@lru_cache(maxsize=512)
def _bound(file: Path, state: State) -> tuple[frozenset[str], tuple[tuple[str, int], ...], frozenset[str]]:
    """Return the names that a module's top level binds, its star imports, and what its ``__getattr__`` may give.

    ``state`` is that of the file, so that an edited one is read anew.
    """
    parsed = parsed_file(file, state)
    names: set[str] = set()
    starred: list[tuple[str, int]] = []
    for node in _top_level(parsed.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
            starred += [(node.module or "", node.level) for alias in node.names if alias.name == "*"]
        else:
            names |= {n.id for n in below(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    lazy: set[str] = set()
    if "__getattr__" in names:
        lazy = {n.value for n in below(parsed) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return frozenset(names), tuple(starred), frozenset(lazy)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Return the statements that run on import, those in branches included."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For):
            for part in ("body", "orelse", "finalbody"):
                yield from _top_level(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from _top_level(handler.body)
