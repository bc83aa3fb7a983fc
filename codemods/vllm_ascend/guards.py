"""Conditions under which a patch is applied: a version, a device; and where their names come from."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from codemods.refusal import Refusal
from codemods.text.names import one_line
from codemods.text.python_text import parse_tree

ORIGINS = {
    "vllm_version_is": "vllm_ascend.utils",
    "is_310p": "vllm_ascend.utils",
    "get_ascend_device_type": "vllm_ascend.utils",
    "AscendDeviceType": "vllm_ascend.utils",
    "envs": "vllm_ascend",
    "HAS_TRITON": "vllm.triton_utils",
    "os": "",
}
"""Name in a condition → the module that it is imported from, as vllm-ascend's patch packages do; empty: itself."""
_NODES = (ast.Name, ast.Load, ast.Call, ast.Attribute, ast.Constant, ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop)
_MORE = (ast.UnaryOp, ast.Not, ast.Tuple, ast.List)


@dataclass(frozen=True)
class Guard:
    """A condition's text and the names that it uses."""

    text: str
    names: frozenset[str]

    def is_same(self, test: ast.expr) -> bool:
        """Return whether a test of the file is this one, however it is laid out."""
        return ast.unparse(test) == ast.unparse(ast.parse(self.text, mode="eval").body)

    def is_opposite(self, test: ast.expr) -> bool:
        """Return whether a test is this one with ``not``, or this is that one with ``not``."""
        own = ast.parse(self.text, mode="eval").body
        return any(
            isinstance(one, ast.UnaryOp) and isinstance(one.op, ast.Not) and ast.unparse(one.operand) == ast.unparse(other)
            for one, other in ((own, test), (test, own))
        )


def guard(condition: str) -> Guard:
    """Read a condition. Raises `Refusal` for what is no expression of names, calls and constants."""
    try:
        tree = ast.parse(one_line(condition, "condition"), mode="eval").body
        nodes = list(ast.walk(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        nodes = []
    if not nodes or not all(isinstance(node, (*_NODES, *_MORE)) or isinstance(node, ast.keyword) for node in nodes):
        raise Refusal(
            repr(condition),
            where="condition",
            expected='an expression such as `not is_310p()` or `vllm_version_is("0.23.0")`',
            remedy="correct the condition",
        )
    return Guard(condition.strip(), frozenset(node.id for node in nodes if isinstance(node, ast.Name)))


def bound_names(tree: ast.Module) -> set[str]:
    """Return the names that imports and assignments of the top level bind."""
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    stored = (part for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) for part in ast.walk(node))
    return {alias.asname or alias.name.split(".")[0] for node in imports for alias in node.names} | {
        part.id for part in stored if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def with_names(text: str, names: list[str], where: str) -> str:
    """Import names that conditions use. Raises `Refusal` for names whose origin nobody knows."""
    unknown = [name for name in names if name not in ORIGINS]
    if unknown:
        raise Refusal(
            f"the condition uses {', '.join(unknown)}, which the file does not import",
            where=where,
            expected=f"names that it imports, or {', '.join(ORIGINS)}",
            remedy="import the name there first",
        )
    for name in names:
        text = _imported(text, name, ORIGINS[name], where)
    return text


def _imported(text: str, name: str, origin: str, where: str) -> str:
    tree = parse_tree(text, where)
    lines = text.splitlines(keepends=True)
    end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == origin and not node.level:
            last = node.names[-1]
            if node.lineno == node.end_lineno and "(" not in lines[node.lineno - 1]:
                names = sorted([*(ast.unparse(alias) for alias in node.names), name], key=_order)
                start, stop = _offset(lines, node.lineno, node.col_offset), _offset(lines, node.lineno, last.end_col_offset)
                return f"{text[:start]}from {origin} import {', '.join(names)}{text[stop:]}"
    line = f"from {origin} import {name}{end}" if origin else f"import {name}{end}"
    others = [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module and n.module <= origin]
    plain = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    if others and origin:
        at = others[-1].end_lineno or 0
        gap = end if (others[-1].module or "").split(".")[0] != origin.split(".")[0] else ""
        return "".join([*lines[:at], gap, line, *lines[at:]])
    at = plain[0].lineno - 1 if plain else len(lines)
    return "".join([*lines[:at], line, "" if origin else end, *lines[at:]])


def _order(name: str) -> tuple[int, str]:
    """Sort members as ruff does: constants, classes, the rest."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2), name


def _offset(lines: list[str], line: int, column: int | None) -> int:
    """Return the index in the text of a line and a column in UTF-8 bytes, as `ast` counts."""
    return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[: column or 0].decode())
