"""A class of a model's file and its methods, and edits at their positions."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from codemods.refusal import Refusal
from codemods.text.import_member import offset
from codemods.text.lines import python_lines
from codemods.text.names import identifier
from codemods.text.python_text import parse_tree


@dataclass(frozen=True)
class ClassSource:
    """A file's text and lines, and a class of its top level."""

    text: str
    lines: list[str]
    node: ast.ClassDef
    where: str

    @property
    def end(self) -> str:
        """Return how the file ends its lines."""
        return "\r\n" if self.lines[0].endswith("\r\n") else "\n"

    def method(self, name: str) -> ast.FunctionDef | None:
        """Return a method that the class itself defines, None if it has none."""
        found = [n for n in self.node.body if isinstance(n, ast.FunctionDef) and n.name == name]
        return found[-1] if found else None

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Return the index in the text at which a node starts."""
        return offset(self.lines, node.lineno, node.col_offset)

    def stop(self, node: ast.expr | ast.stmt) -> int:
        """Return the index in the text at which a node ends."""
        return offset(self.lines, node.end_lineno or 0, node.end_col_offset or 0)

    def indent(self, node: ast.expr | ast.stmt) -> str:
        """Return the blanks with which a node's first line starts."""
        line = self.lines[node.lineno - 1]
        return line[: len(line) - len(line.lstrip())]

    def spliced(self, *edits: tuple[int, int, str]) -> str:
        """Return the text with other text in place of spans, which do not overlap."""
        text = self.text
        for start, stop, new in sorted(edits, reverse=True):
            text = text[:start] + new.replace("\n", self.end) + text[stop:]
        return text

    def first_statement(self, body: list[ast.stmt]) -> ast.stmt:
        """Return a body's first statement after its docstring, or that where there is no other."""
        is_text = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        return body[1] if is_text and len(body) > 1 else body[0]

    def line_start(self, node: ast.stmt) -> int:
        """Return the index at which the line of a statement starts, or that of its first decorator."""
        decorators = getattr(node, "decorator_list", [])
        return offset(self.lines, min([node.lineno, *(d.lineno for d in decorators)]), 0)

    def refusal(self, found: str, expected: str, remedy: str, node: ast.AST | None = None) -> Refusal:
        """Return a refusal that names the file's place."""
        line = getattr(node or self.node, "lineno", 0)
        return Refusal(found, where=f"{self.where}, {self.node.name}, line {line}", expected=expected, remedy=remedy)


def class_source(text: str, class_name: str, where: str) -> ClassSource:
    """Find a class of the top level. Raises `Refusal` if the file has none of that name."""
    identifier(class_name, "class_name")
    tree = parse_tree(text, where)
    found = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name]
    if found:
        return ClassSource(text, python_lines(text), found[-1], where)
    known = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    raise Refusal(
        f"no class {class_name} at the top level",
        where=where,
        expected=f"one of {', '.join(known[-8:])}" if known else "a file with classes",
        remedy="name the class that loads the weights and its file",
    )
