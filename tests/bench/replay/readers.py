"""What is in a list, read without the codemods: by Python's parser, by JSON's, by a few lines for Markdown."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

HEADING = re.compile(r"\s*# *(\[.+\]|.+ models)\s*")


@dataclass(frozen=True)
class Row:
    """An entry: its table, its key, the source of its value, the heading above it, its lines; a table's columns."""

    table: str
    key: str
    value: str
    section: str = ""
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


Reader = Callable[[str], list[Row]]


def dicts(names: str) -> Reader:
    """Read dict literals, and the keywords of calls, at the top level of a module."""

    def read(text: str) -> list[Row]:
        lines, rows = text.splitlines(), []
        for name, value in _assigned(text, names):
            section = ""
            previous = value.lineno
            for start, end, key, inner in _pairs(value):
                for line in lines[previous : start - 1]:
                    if heading := HEADING.fullmatch(line):
                        section = heading[1].strip("[]")
                previous = end
                if key is not None:
                    rows.append(Row(name, key, ast.unparse(inner), section, tuple(lines[start - 1 : end])))
        return rows

    return read


def calls(function: str) -> Reader:
    """Read unconditional calls with two strings, such as ``ModelRegistry.register_model("A", "b:C")``."""

    def read(text: str) -> list[Row]:
        rows = []
        for outer in _tree(text).body:
            for node in outer.body if isinstance(outer, ast.FunctionDef) else ():
                match node:
                    case ast.Expr(
                        value=ast.Call(args=[ast.Constant(value=str(key)), ast.Constant(value=str(value))]) as call
                    ) if ast.unparse(call.func) == function:
                        lines = tuple(text.splitlines()[node.lineno - 1 : node.end_lineno])
                        rows.append(Row("", key, value, "", lines))
        return rows

    return read


def json_lists(text: str) -> list[Row]:
    """Read the lists of strings of a JSON object."""
    lists = json.loads(text)
    return [Row(name, key, "", "", (f'      "{key}"',)) for name, keys in lists.items() for key in keys]


def plain_lines(text: str) -> list[Row]:
    """Read a file with an entry per line."""
    return [Row("", line.strip(), "", "", (line,)) for line in text.splitlines() if line.strip()]


def nav(text: str) -> list[Row]:
    """Read the models' tutorials in the navigation of ``mkdocs.yml``."""
    found = re.findall(r"^( *- +(tutorials/models/[^\s#]+\.md))", text, re.MULTILINE)
    return [Row("", page, "", "", (line,)) for line, page in found]


def toctree(text: str) -> list[Row]:
    """Read the pages of the toctrees of an index page."""
    rows, inside = [], False
    for line in text.splitlines():
        if re.match(r"\s*(:{3,}|`{3,})\{toctree\}", line):
            inside = True
        elif re.match(r"\s*(:{3,}|`{3,})\s*$", line):
            inside = False
        elif inside and line.strip() and not line.strip().startswith(":"):
            rows.append(Row("", re.sub(r"\.md$", "", line.strip()), "", "", (line,)))
    return rows


def tables(first: str) -> Reader:
    """Read the Markdown tables whose first column has this name; a table is named by its headings and tab."""

    def read(text: str) -> list[Row]:
        rows: list[Row] = []
        path: dict[int, str] = {}
        seen: dict[str, int] = {}
        lines, table, header = text.splitlines(), None, [""]
        for number, line in enumerate(lines):
            if heading := re.match(r"(#+) (.*)", line):
                level = len(heading[1])
                path = {n: title for n, title in path.items() if n < level} | {level: heading[2].strip()}
            elif tab := re.match(r'\s*(?:=== "(.*)"|:+\{tab-item\} (.*))$', line):
                path = {n: title for n, title in path.items() if n < 9} | {9: (tab[1] or tab[2]).strip()}
            below = lines[number + 1] if number + 1 < len(lines) else ""
            if line.lstrip().startswith("|"):
                if table is None and re.fullmatch(r"\s*\|[\s:|-]+", below):
                    header = _cells(line)
                    name = " > ".join(title for n, title in sorted(path.items()) if n > 1)
                    if header[0] == first:
                        seen[name] = seen.get(name, 0) + 1
                        table = name if seen[name] == 1 else f"{name} ({seen[name]})"
                elif table is not None and not re.fullmatch(r"\s*\|[\s:|-]+", line):
                    found = _cells(line)
                    pairs = {name: cell for name, cell in zip(header[1:], found[1:], strict=False) if cell}
                    rows.append(Row(table, found[0].strip("`* "), json.dumps(pairs), "", (line,), tuple(header)))
            else:
                table = None
        return rows

    return read


@lru_cache(maxsize=16)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def _cells(line: str) -> list[str]:
    parts = re.split(r"(?<!\\)\|(?=(?:[^`]*`[^`]*`)*[^`]*$)", line.strip().strip("|"))
    return [re.sub(r"^\[([^\]]*)\]\([^)]*\)$", r"\1", part.strip()) for part in parts]


def _assigned(text: str, names: str) -> Iterator[tuple[str, ast.expr]]:
    for statement in _tree(text).body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        value = getattr(statement, "value", None)
        if isinstance(target, ast.Name) and re.fullmatch(names, target.id) and isinstance(value, ast.expr):
            yield target.id, value


def _pairs(value: ast.expr) -> Iterator[tuple[int, int, str | None, ast.expr]]:
    """Yield where each entry of a dict, or of a call of keywords, begins and ends, its key and its value."""
    if isinstance(value, ast.Dict):
        for key, inner in zip(value.keys, value.values, strict=True):
            named = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
            yield (key or inner).lineno, _last_line(inner), named, inner
    elif isinstance(value, ast.Call):
        for keyword in value.keywords:
            match keyword.value:
                case ast.Dict(keys=[ast.Constant(value=str(named))], values=[inner]) if keyword.arg is None:
                    yield keyword.lineno, keyword.end_lineno or 0, named, inner
                case inner:
                    yield keyword.lineno, keyword.end_lineno or 0, keyword.arg, inner


def _last_line(node: ast.expr) -> int:
    return node.end_lineno or 0
