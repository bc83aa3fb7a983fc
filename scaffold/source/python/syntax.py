"""Source files as syntax trees: classes, functions and imports by name, with their lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

from scaffold.common.errors import CheckpointError

MAX_SOURCE_BYTES = 4_000_000
"""Far above any modeling file (transformers' longest has 300 kB); bounds what a checkpoint can cost us."""
KEPT = 32
"""Trees that are kept: more than one model's source imports, and some 100 MB at most of transformers' files."""


@dataclass(frozen=True)
class Binding:
    """A statement at the top level that gives a name its meaning, and under which conditions it is carried out.

    Attributes:
        statement: a class, a function, an assignment or an import.
        conditions: the tests of the ``if`` statements around it, and whether each has to be true.
        attempts: the ``try`` statements around it, and whether it stands in what is tried (else in the handler).
    """

    statement: ast.stmt
    conditions: tuple[tuple[ast.expr, bool], ...] = ()
    attempts: tuple[tuple[ast.Try, bool], ...] = ()


class UnreadableError(ValueError):
    """A file that is no Python source, and what was expected of it."""

    def __init__(self, what: str, expected: str) -> None:
        super().__init__(what)
        self.expected = expected


def read_tree(path: Path) -> ast.Module:
    """Parse a file. Of the same text the same tree is returned, which nobody changes.

    Raises:
        UnreadableError: it is too large, no UTF-8, or no Python.
        OSError: it cannot be opened.
    """
    size = path.stat().st_size
    if size > MAX_SOURCE_BYTES:
        raise UnreadableError(f"a source file of {size:,} bytes", f"at most {MAX_SOURCE_BYTES:,} bytes")
    try:
        return _parsed(path.read_text(encoding="utf-8-sig"))  # a byte order mark is none of Python's
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError(f"source that does not parse ({error})", "Python source in UTF-8") from error


@lru_cache(maxsize=KEPT)
def _parsed(text: str) -> ast.Module:
    """Parse a text: by its content, so that what is kept cannot go stale."""
    return ast.parse(text)


@dataclass(frozen=True)
class SourceFile:
    """One parsed Python file. ``shown`` is how evidence names it (a short path)."""

    path: Path
    shown: str
    tree: ast.Module = field(repr=False)

    @classmethod
    def parse(cls, path: Path, shown: str | None = None) -> SourceFile:
        """Parse ``path``.

        Raises:
            CheckpointError: the file is too large, no UTF-8, or no Python.
        """
        shown = shown or path.name
        try:
            return _kept(path, shown, read_tree(path))
        except UnreadableError as error:
            raise CheckpointError(
                str(error),
                where=shown,
                expected=error.expected,
                remedy="pass the right file with --modeling",
            ) from error

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """Top-level classes, functions and assignments by name (also those inside top-level ``if``)."""
        found: dict[str, ast.stmt] = {}
        for statement in _top_level(self.tree.body):
            if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
                found[statement.name] = statement
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        found[target.id] = statement
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
                found[statement.target.id] = statement
        return found

    @cached_property
    def bindings(self) -> dict[str, list[Binding]]:
        """What the top level binds each name to, in the order of the file."""
        found: dict[str, list[Binding]] = {}
        for one in _bindings(self.tree.body, Binding(ast.Pass())):
            for name in bound_names(one.statement):
                found.setdefault(name, []).append(one)
        return found

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name → dotted name; relative imports keep their leading dots."""
        found: dict[str, str] = {}
        for statement in _top_level(self.tree.body):
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                found |= imported_names(statement)
        return found

    @cached_property
    def is_of_library(self) -> bool:
        """Return whether the file is one of the transformers package, not of a checkpoint."""
        return any(one.name == "transformers" and (one / "models").is_dir() for one in self.path.parents)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that the file defines, in its order."""
        return tuple(n for n, d in self.definitions.items() if isinstance(d, ast.ClassDef))

    def lines(self, node: ast.AST) -> str:
        """Return ``file:first-last`` of a node, as evidence shows it."""
        first = getattr(node, "lineno", 0)
        last = getattr(node, "end_lineno", first)
        return f"{self.shown}:{first}" + (f"-{last}" if last != first else "")


@lru_cache(maxsize=KEPT)
def _kept(path: Path, shown: str, tree: ast.Module) -> SourceFile:
    """Return the file with this tree: what was found in it once is found for all."""
    return SourceFile(path, shown, tree)


def imported_names(statement: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """Return what an import binds: local name → dotted name; relative imports keep their leading dots."""
    if isinstance(statement, ast.Import):
        tops = {alias.name: alias.name.split(".")[0] for alias in statement.names}
        return {
            alias.asname or tops[alias.name]: alias.name if alias.asname else tops[alias.name]
            for alias in statement.names
        }
    module = "." * statement.level + (statement.module or "")
    return {alias.asname or alias.name: f"{module}.{alias.name}" for alias in statement.names}


def bound_names(statement: ast.stmt) -> tuple[str, ...]:
    """Return the names that a class, a function, an assignment to names or an import binds."""
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
        return (statement.name,)
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return tuple(imported_names(statement))
    if isinstance(statement, ast.Assign):
        return tuple(target.id for target in statement.targets if isinstance(target, ast.Name))
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
        return (statement.target.id,)
    return ()


def _bindings(body: list[ast.stmt], around: Binding) -> Iterator[Binding]:
    """Yield the statements of a body that bind names, those inside of ``if`` and ``try`` with what they depend on."""
    for statement in body:
        if isinstance(statement, ast.If):
            if not (isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"):
                held = replace(around, conditions=(*around.conditions, (statement.test, True)))
                yield from _bindings(statement.body, held)
            failed = replace(around, conditions=(*around.conditions, (statement.test, False)))
            yield from _bindings(statement.orelse, failed)
        elif isinstance(statement, ast.Try):
            tried = replace(around, attempts=(*around.attempts, (statement, True)))
            yield from _bindings([*statement.body, *statement.orelse], tried)
            for handler in statement.handlers[:1]:
                failed = replace(around, attempts=(*around.attempts, (statement, False)))
                yield from _bindings(handler.body, failed)
            yield from _bindings(statement.finalbody, around)
        else:
            yield replace(around, statement=statement)


def _top_level(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return statements, those of top-level ``if`` and ``try`` included, but not what is for type checkers only."""
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.If):
            for_types = isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"
            found += [] if for_types else _top_level(statement.body)
            found += _top_level(statement.orelse)
        elif isinstance(statement, ast.Try):
            found += _top_level(statement.body)
        else:
            found.append(statement)
    return found


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name, empty for what is no name."""
    return getattr(node, "attr", "") or getattr(node, "id", "")
