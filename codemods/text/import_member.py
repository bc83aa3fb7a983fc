"""A name added to the imports of a file's top level, at its place in a statement that is there or in one of its own."""

from __future__ import annotations

import ast

from codemods.text.lines import python_lines
from codemods.text.python_text import parse_tree


def with_import(text: str, module: str, name: str, where: str, *, plain: str = "") -> str:
    """Import ``name`` from ``module``, which a relative import of the same last name stands for, too.

    Without a ``name``, ``plain`` is the statement to add, such as ``import regex as re``. What is bound already stays.
    """
    tree = parse_tree(text, where)
    lines = python_lines(text)
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if (name or plain.split()[-1]) in bound_names(tree):
        return text
    if name:
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and _is_same(node, module):
                return _with_member(text, lines, node, name, end)
    line = (plain or f"from {module} import {name}") + end
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    imports = [n for n in imports if not (isinstance(n, ast.ImportFrom) and n.module == "__future__")]
    if not imports:
        at = next((n.end_lineno or 0 for n in reversed(_head(tree))), len(_comment(lines)))
        return "".join([*lines[:at], end if at else "", line, *([] if at else [end]), *lines[at:]])
    wanted = _key(module or plain.split()[1], bool(name))
    lower = [n for n in imports if _key_of(n) < wanted]
    higher = [n for n in imports if n not in lower]
    is_kin = [bool(side) and _group(_first(side[0])) == wanted[0] for side in (lower[::-1], higher)]
    if lower and (is_kin[0] or not is_kin[1]):
        at = lower[-1].end_lineno or 0
        return "".join([*lines[:at], "" if is_kin[0] else end, line, *lines[at:]])
    at = higher[0].lineno - 1
    return "".join([*lines[:at], line, "" if is_kin[1] else end, *lines[at:]])


def without_unused(text: str, names: set[str], where: str) -> str:
    """Take members out of ``from … import …`` of the top level by the names that they are bound to."""
    tree = parse_tree(text, where)
    lines = python_lines(text)
    for node in reversed(tree.body):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        kept = [alias for alias in node.names if (alias.asname or alias.name) not in names]
        if len(kept) == len(node.names):
            continue
        start, end = node.lineno - 1, node.end_lineno or 0
        if not kept:
            is_last = end < len(lines) and not lines[end].strip() and (not start or not lines[start - 1].strip())
            del lines[start : end + is_last]
            continue
        for alias in reversed(node.names):
            if alias not in kept:
                _cut(lines, node, alias)
    return "".join(lines)


def _cut(lines: list[str], node: ast.Import | ast.ImportFrom, alias: ast.alias) -> None:
    """Take one of several members out of its line, with the comma that goes with it."""
    at, index = alias.lineno - 1, node.names.index(alias)
    line = lines[at].encode()
    head, tail = line[: alias.col_offset].decode(), line[alias.end_col_offset :].decode()
    if not head.strip() and not tail.strip(" ,\r\n"):
        del lines[at]
    elif index + 1 < len(node.names) and node.names[index + 1].lineno == alias.lineno:
        lines[at] = head + tail.lstrip(" ,")
    else:
        lines[at] = head.rstrip(" ,") + (tail if tail.strip(" ,\r\n") or not node.end_lineno else tail.lstrip(" ,"))


def bound_names(tree: ast.Module) -> set[str]:
    """Return the names that imports and assignments of the top level bind."""
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    stored = (part for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) for part in ast.walk(node))
    return {alias.asname or alias.name.split(".")[0] for node in imports for alias in node.names} | {
        part.id for part in stored if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def _with_member(text: str, lines: list[str], node: ast.ImportFrom, name: str, end: str) -> str:
    first, last = node.names[0], node.names[-1]
    after = next((alias for alias in node.names if _order(alias.name) > _order(name)), None)
    if first.lineno == node.lineno:  # on one line, which the tree's formatter breaks where it is too long
        if after:
            at = offset(lines, after.lineno, after.col_offset)
            return f"{text[:at]}{name}, {text[at:]}"
        at = offset(lines, last.end_lineno or 0, last.end_col_offset or 0)
        return f"{text[:at]}, {name}{text[at:]}"
    indent = lines[first.lineno - 1][: first.col_offset]
    if after:
        at = offset(lines, after.lineno, after.col_offset)
        return f"{text[:at]}{name},{end}{indent}{text[at:]}"
    at = offset(lines, last.end_lineno or 0, last.end_col_offset or 0)
    comma = "" if text[at:].lstrip().startswith(",") else ","
    at += len(text[at:]) - len(text[at:].lstrip()) + 1 if not comma else 0
    return f"{text[:at]}{comma}{end}{indent}{name},{text[at:]}"


def offset(lines: list[str], line: int, column: int) -> int:
    """Return the index in the text of a line and a column in UTF-8 bytes, as `ast` counts."""
    return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())


def _is_same(node: ast.ImportFrom, module: str) -> bool:
    if node.level:
        return node.level == 1 and node.module == module.rpartition(".")[2]
    return node.module == module


def _order(name: str) -> tuple[int, str]:
    """Sort members as ruff does: constants, classes, the rest."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2), name


def _first(node: ast.stmt) -> str:
    if isinstance(node, ast.ImportFrom):
        return "." if node.level else node.module or ""
    return node.names[0].name if isinstance(node, ast.Import) else ""


def _key(module: str, is_member: bool) -> tuple[int, bool, str]:
    return _group(module), is_member, module


def _key_of(node: ast.stmt) -> tuple[int, bool, str]:
    return _key(_first(node), isinstance(node, ast.ImportFrom))


def _group(module: str) -> int:
    import sys

    top = module.split(".")[0]
    return 3 if not top else 0 if top in sys.stdlib_module_names else 2 if top in ("vllm", "vllm_ascend") else 1


def _head(tree: ast.Module) -> list[ast.stmt]:
    """Return the docstring and the imports from the future, at the file's top."""
    return [
        node
        for node in tree.body[:3]
        if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str))
        or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
    ]


def _comment(lines: list[str]) -> list[str]:
    return lines[: next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))]
