"""What of a module runs while it is imported, and what does so later: the two kinds of uses of a name."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
MAKES = "makes a decorator"
"""How a name is used in ``@name(…)``."""
_IS_RUN = ("__name__ == '__main__'", "'__main__' == __name__")
_ASKS = ("isinstance", "issubclass")
"""What only looks at what it is given."""
NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
"""Nodes with a name and a body of their own."""


@dataclass(frozen=True)
class Use:
    """A place that names something: ``how`` is ``called``, ``a decorator``, `MAKES`, ``a base class`` or ``kept``.

    ``inside`` are the names of the classes and functions around it, from the outermost; ``is_certain`` is whether it
    stands under no condition of the module's.
    """

    how: str
    line: int
    is_at_import: bool
    inside: tuple[str, ...] = ()
    is_certain: bool = True


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Return the statements of a module that run at import, those in blocks too, none that an import passes over."""
    for node in body:
        if isinstance(node, ast.If) and _is_left_out(node.test):
            yield from statements(node.orelse)
            continue
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for block in ("body", "orelse", "finalbody"):
                yield from statements(getattr(node, block, []))
            for handler in getattr(node, "handlers", []):
                yield from statements(handler.body)


def uses(tree: ast.Module, dotted: str) -> list[Use]:
    """Return each load of a dotted name (``f``, ``module.f``, ``Class.f``) in a module; annotations are none."""
    found: list[Use] = []

    def visit(node: ast.AST, how: str, is_at_import: bool, inside: tuple[str, ...], is_certain: bool) -> None:
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load) and _dotted(node) == dotted:
            found.append(Use(how, node.lineno, is_at_import, inside, is_certain))
            return
        if isinstance(node, ast.If) and _is_left_out(node.test):
            for left in node.orelse:
                visit(left, "kept", is_at_import, inside, is_certain)
            return
        if isinstance(node, ast.Call):
            visit(node.func, MAKES if how == "a decorator" else "called", is_at_import, inside, is_certain)
            asked = "called" if _dotted(node.func) in _ASKS else "kept"
            for child in (*node.args, *(keyword.value for keyword in node.keywords)):
                visit(child, asked, is_at_import, inside, is_certain)
            return
        is_certain = is_certain and not (is_at_import and isinstance(node, ast.If | ast.Try))
        within = (*inside, node.name) if isinstance(node, NAMED) else inside
        for name, value in ast.iter_fields(node):
            children = value if isinstance(value, list) else [value]
            for child in children:
                if isinstance(child, ast.AST) and name not in ("annotation", "returns"):
                    is_later = isinstance(node, _FUNCTIONS) and name == "body"
                    kind = {"decorator_list": "a decorator", "bases": "a base class"}.get(name, "kept")
                    around = within if name == "body" else inside
                    visit(child, kind, is_at_import and not is_later, around, is_certain)

    visit(tree, "kept", is_at_import=True, inside=(), is_certain=True)
    return found


def _dotted(node: ast.AST) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _is_left_out(test: ast.expr) -> bool:
    """Return whether an import passes over the block: it is for type checkers, or for a file that is run itself."""
    return _dotted(test).rpartition(".")[2] == "TYPE_CHECKING" or ast.unparse(test) in _IS_RUN
