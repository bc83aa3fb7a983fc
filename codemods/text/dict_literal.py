"""One more entry in a module-level dict literal that is written one entry per line.

Python's own parser finds the statement, libcst reads and changes that alone: every byte that is not touched stays.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from codemods.refusal import Refusal
from codemods.text.python_text import Cut, cut, parse_module, parse_tree
from codemods.text.sorted_place import sorted_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A comment that heads a section of entries, rather than belonging to the entry below it.
_SECTION = re.compile(r"# \[.+\]|# .+ models")


@dataclass(frozen=True)
class DictLiteral:
    """A dict in a parsed statement; ``gaps[i]`` is the white space before entry ``i``.

    ``keys`` are None for ``**other`` and for keys that are no plain string. ``tree`` is the whole file's.
    """

    tree: ast.Module
    place: Cut
    module: cst.Module
    node: cst.Dict
    keys: tuple[str | None, ...]
    gaps: tuple[cst.ParenthesizedWhitespace, ...]

    def value(self, key: str) -> str | None:
        """Return the source of the value of ``key``, None if there is no such entry."""
        for element, known in zip(self.node.elements, self.keys, strict=True):
            if known == key:
                return self.module.code_for_node(element.value)
        return None

    def insert(self, key: str, value: str, sort_key: Callable[[str], str]) -> str:
        """Return the module's code with a new entry in its place in the first section.

        The place is that of `sorted_place`. ``value`` is Python source whose continuation lines
        are indented as they are to stand in the file. Comments stay with their entries: a
        section's heading stays first, every other comment stays above the entry below it.
        """
        section = self._first_section()
        keys = [sort_key(known) for known in section if known is not None]
        place = sorted_place(keys, sort_key(key))
        positions = [index for index, known in enumerate(section) if known is not None]
        index = positions[place] if place < len(positions) else len(section)
        above, below = self._split(index)
        elements = list(self.node.elements)
        new = cst.DictElement(
            cst.SimpleString(f'"{key}"'),
            cst.parse_expression(value, self.module.config_for_parsing),
        )
        gaps = [*self.gaps[:index], above, below, *self.gaps[index + 1 :]]
        return self._code([*elements[:index], new, *elements[index:]], gaps)

    def _first_section(self) -> tuple[str | None, ...]:
        for index, gap in enumerate(self.gaps[1:-1], start=1):
            if any(map(_is_heading, gap.empty_lines)):
                return self.keys[:index]
        return self.keys

    def _split(self, index: int) -> tuple[cst.ParenthesizedWhitespace, cst.ParenthesizedWhitespace]:
        """Divide the gap at ``index`` into what stays above a new entry and what goes below."""
        gap, lines = self.gaps[index], list(self.gaps[index].empty_lines)
        headings = [number for number, line in enumerate(lines) if _is_heading(line)]
        cut = headings[-1] + 1 if headings and index == 0 else 0
        above = gap.with_changes(empty_lines=lines[:cut], last_line=self.gaps[0].last_line)
        plain = cst.TrailingWhitespace(newline=gap.first_line.newline)
        return above, gap.with_changes(first_line=plain, empty_lines=lines[cut:])

    def _code(
        self,
        elements: list[cst.BaseDictElement],
        gaps: list[cst.ParenthesizedWhitespace],
    ) -> str:
        node = self.node.with_changes(
            lbrace=self.node.lbrace.with_changes(whitespace_after=gaps[0]),
            elements=[
                element.with_changes(comma=cst.Comma(whitespace_after=gap))
                for element, gap in zip(elements, gaps[1:], strict=True)
            ],
            rbrace=self.node.rbrace.with_changes(whitespace_before=cst.SimpleWhitespace("")),
        )
        body = [_replaced(line, self.node, node) for line in self.module.body]
        return self.place.with_lines(self.module.with_changes(body=body).code)


def _replaced(line: cst.CSTNode, old: cst.Dict, new: cst.Dict) -> cst.CSTNode:
    """Return a line of a module in which ``new`` is assigned in place of ``old``.

    libcst's ``deep_replace`` visits every node of a module, which takes longer than parsing it.
    """
    if not isinstance(line, cst.SimpleStatementLine):
        return line
    statements = [
        one.with_changes(value=new) if isinstance(one, cst.Assign | cst.AnnAssign) and one.value is old else one
        for one in line.body
    ]
    return line.with_changes(body=statements)


def find_dict(text: str, name: str, where: str) -> DictLiteral:
    """Find the dict that a module assigns to ``name``.

    Raises `Refusal` if there is none or if it is not written one entry per line, each
    with a comma after it.
    """
    tree = parse_tree(text, where)
    statement = _statements(tree).get(name)
    if statement is None:
        raise Refusal(
            f"there is no dict {name}",
            where=where,
            expected=f"`{name} = {{…}}` at the top level; dicts there: {', '.join(_statements(tree))}",
            remedy="name a dict that the file has",
        )
    place = cut(text, tree, statement)
    module = parse_module(place.lines, where)
    node = _dict(module, name)
    keys = tuple(_string(element) for element in node.elements)
    gaps = [node.lbrace.whitespace_after, *map(_after, node.elements)]
    if isinstance(gaps[-1], cst.SimpleWhitespace):  # libcst may give the last gap to the brace
        gaps[-1] = node.rbrace.whitespace_before
    lines = tuple(gap for gap in gaps if isinstance(gap, cst.ParenthesizedWhitespace))
    has_commas = all(isinstance(element.comma, cst.Comma) for element in node.elements)
    if not keys or not has_commas or len(lines) != len(gaps):
        raise Refusal(
            f"{name} is not written one entry per line",
            where=where,
            expected="each entry on lines of its own, with a comma after it",
            remedy="format the file with ruff or add the entry by hand",
        )
    return DictLiteral(tree, place, module, node, keys, lines)


def sources_of(text: str, tree: ast.Module, key: str) -> list[tuple[str, str]]:
    """Return each dict, by name, that has an entry ``key``, and the source of its value in the file's text."""
    return [(name, ast.get_source_segment(text, value) or "") for name, value in _values(tree, key)]


def strings_of(tree: ast.Module, key: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return each dict, by name, that maps ``key`` to a tuple of plain strings, and the tuple."""
    found = []
    for name, value in _values(tree, key):
        parts = value.elts if isinstance(value, ast.Tuple) else ()
        strings = tuple(p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str))
        if strings:
            found.append((name, strings))
    return found


def _values(tree: ast.Module, key: str) -> Iterator[tuple[str, ast.expr]]:
    for name, statement in _statements(tree).items():
        assert isinstance(statement.value, ast.Dict)
        for known, value in zip(statement.value.keys, statement.value.values, strict=True):
            if isinstance(known, ast.Constant) and known.value == key:
                yield name, value


def _statements(tree: ast.Module) -> dict[str, ast.Assign | ast.AnnAssign]:
    """Return the statements that assign dict literals to names at the top level."""
    found: dict[str, ast.Assign | ast.AnnAssign] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Dict):
            target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            if isinstance(target, ast.Name):
                found[target.id] = statement
    return found


def _dict(module: cst.Module, name: str) -> cst.Dict:
    """Return the dict that a statement's lines assign to a name."""
    for line in module.body:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(statement, cst.Assign | cst.AnnAssign) and isinstance(statement.value, cst.Dict):
                target = statement.target if isinstance(statement, cst.AnnAssign) else statement.targets[0].target
                if isinstance(target, cst.Name) and target.value == name:
                    return statement.value
    raise AssertionError(f"no dict {name} in the lines that have it")


def _string(element: cst.BaseDictElement) -> str | None:
    key = element.key if isinstance(element, cst.DictElement) else None
    value = key.evaluated_value if isinstance(key, cst.SimpleString) else None
    return value if isinstance(value, str) else None


def _after(element: cst.BaseDictElement) -> cst.BaseParenthesizableWhitespace:
    comma = element.comma
    return comma.whitespace_after if isinstance(comma, cst.Comma) else cst.SimpleWhitespace("")


def _is_heading(line: cst.EmptyLine) -> bool:
    return line.comment is not None and _SECTION.fullmatch(line.comment.value) is not None
