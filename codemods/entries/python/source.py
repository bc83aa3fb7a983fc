"""Python source with offsets: where a node that Python's parser found begins and ends in the text."""

from __future__ import annotations

import ast
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from codemods.text.lines import python_lines
from codemods.text.python_text import parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOM = "\ufeff"


@dataclass(frozen=True)
class Source:
    """A file's text, its tree, and its lines, each with the offset at which it starts."""

    text: str
    tree: ast.Module
    lines: tuple[str, ...]
    starts: tuple[int, ...]

    def start(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        """Return the offset of a node's first character."""
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        """Return the offset after a node's last character."""
        return self._offset(node.end_lineno or 0, node.end_col_offset or 0)

    def segment(self, node: ast.expr | ast.stmt | ast.keyword) -> str:
        """Return a node's text."""
        return self.text[self.start(node) : self.end(node)]

    def line_start(self, offset: int) -> int:
        """Return the offset at which the line with this offset starts."""
        return self.starts[bisect_right(self.starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Return the offset after the line with this offset, its end included."""
        index = bisect_right(self.starts, offset) - 1
        return self.starts[index] + len(self.lines[index])

    def _offset(self, line: int, column: int) -> int:
        text = self.lines[line - 1].removeprefix(_BOM)
        ahead = len(self.lines[line - 1]) - len(text)
        return self.starts[line - 1] + ahead + (column if text.isascii() else len(text.encode()[:column].decode()))


def read_source(text: str, where: str) -> Source:
    """Parse a file's text, with or without a byte order mark. Raises `Refusal` if it is not valid Python."""
    tree = parse_tree(text.removeprefix(_BOM), where)
    lines = tuple(python_lines(text))
    starts = tuple(accumulate((len(line) for line in lines), initial=0))
    return Source(text, tree, lines, starts[: len(lines)] or (0,))


def code_characters(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield what stands between two nodes, comments and white space left out: commas, brackets, stars."""
    in_comment = False
    for offset in range(start, end):
        character = text[offset]
        if in_comment:
            in_comment = character not in "\r\n"
        elif character == "#":
            in_comment = True
        elif not character.isspace() and character != "\\":
            yield offset, character


def statements(tree: ast.Module) -> dict[str, ast.Assign | ast.AnnAssign]:
    """Return, by the name that each assigns, the statements of the top level that assign a value to one name."""
    found: dict[str, ast.Assign | ast.AnnAssign] = {}
    for statement in tree.body:
        target: ast.expr | None = None
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target = statement.target
        if isinstance(target, ast.Name) and isinstance(statement, ast.Assign | ast.AnnAssign):
            found[target.id] = statement
    return found
