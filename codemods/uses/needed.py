"""What a top-level statement of a module needs of that module: its global names, as Python's own compiler sees them."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.text.lines import python_lines


@dataclass(frozen=True)
class Unit:
    """A statement of a module's top level: its text, the names that it binds, those that it reads."""

    text: str
    line: int
    binds: frozenset[str]
    reads: frozenset[str]
    node: ast.stmt


def units(text: str, tree: ast.Module) -> list[Unit]:
    """Return the statements of a module's top level with the decorators and comments right above them."""
    lines = python_lines(text)
    found, end = [], 0
    for node in tree.body:
        start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
        while start > end and lines[start - 1].startswith("#"):
            start -= 1
        end = node.end_lineno or node.lineno
        shown = "".join(lines[start:end]).rstrip() + "\n"
        found.append(Unit(shown, start + 1, frozenset(bound([node])), frozenset(_read(shown, node)), node))
    return found


def bound(nodes: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements bind, those in blocks under a condition among them."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.If | ast.Try | ast.With):
            for field in ("body", "orelse", "finalbody"):
                yield from bound(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                yield from bound(handler.body)
        else:
            stored = (part for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
            yield from (part.id for part in stored)


def _read(text: str, node: ast.stmt) -> Iterator[str]:
    tables = [symtable.symtable(text, "<unit>", "exec")]
    while tables:
        table = tables.pop()
        is_top = table.get_type() == "module"
        yield from (s.get_name() for s in table.get_symbols() if (s.is_referenced() if is_top else s.is_global()))
        tables += table.get_children()
    for part in ast.walk(node):  # forward references
        written = [getattr(part, field, None) for field in ("annotation", "returns")]
        for inner in (i for value in written if value is not None for i in ast.walk(value)):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                try:
                    parsed = ast.parse(inner.value, mode="eval")
                except SyntaxError:
                    continue
                yield from (name.id for name in ast.walk(parsed) if isinstance(name, ast.Name))
