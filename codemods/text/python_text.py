"""Read Python source with libcst and write calls and tuples the way ruff and black lay them out."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from codemods.refusal import Refusal

if TYPE_CHECKING:
    import libcst as cst

INDENT = "    "
MAX_DEPTH = 80
"""Levels of a syntax tree: vLLM and vllm-ascend have up to 48, an ``elif`` being one. libcst visits each with several
calls, and its parser ends the process on brackets nested by the thousand: Python's own refuses these with an error."""


def parse_tree(text: str, where: str) -> ast.Module:
    """Parse a whole file with Python's own parser, which is the quick one.

    Raises `Refusal` if it is not valid Python, or nested too deeply.
    """
    try:
        tree, depth = _tree(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise Refusal(
            f"{'text that' if line is None else f'line {line}'} is not valid Python ({getattr(error, 'msg', error)})",
            where=where,
            expected="a Python file",
            remedy="repair the file first",
        ) from error
    except (RecursionError, MemoryError) as error:
        raise _too_deep(where) from error
    if depth > MAX_DEPTH:
        raise _too_deep(where)
    return tree


def parse_module(text: str, where: str) -> cst.Module:
    """Parse a file, or whole statements of one. Raises `Refusal` as `parse_tree` does."""
    parse_tree(text, where)
    import libcst as cst  # here, as it takes longer than all else that an edit by positions takes

    try:
        return _parsed(text)
    except cst.ParserSyntaxError as error:
        raise Refusal(
            f"line {error.raw_line} is not valid Python",
            where=where,
            expected="a Python file",
            remedy="repair the file first",
        ) from error


@lru_cache(maxsize=8)
def _parsed(text: str) -> cst.Module:
    """Parse a text. Modules are values, which nobody changes."""
    import libcst as cst

    return cst.parse_module(text)


@lru_cache(maxsize=8)
def _tree(text: str) -> tuple[ast.Module, int]:
    """Return a text's syntax tree, which nobody changes, and its levels."""
    tree = ast.parse(text)
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return tree, depth


def _too_deep(where: str) -> Refusal:
    return Refusal(
        "source that is nested too deeply",
        where=where,
        expected=f"at most {MAX_DEPTH} levels of syntax",
        remedy="split the statement",
    )


def bracketed(before: str, items: list[str], after: str, *, width: int, indent: str = "", hug: bool = False) -> str:
    r"""Lay out ``before items after``: on one line if it fits, else one item per line.

    ``before`` ends with the opening bracket and ``after`` starts with the closing one. ``indent``
    is that of the line; the first line is returned without it. ``hug`` tries all items on
    one line of their own first, as black does for the arguments of a call and of a ``def``.

    >>> bracketed("f(", ["first", "second"], ")", width=12)
    'f(\n    first,\n    second,\n)'
    """
    one_line = before + ", ".join(items) + after
    if len(indent) + len(one_line) <= width:
        return one_line
    inner = indent + INDENT
    hugged = inner + ", ".join(items)
    lines = [hugged] if hug and len(hugged) <= width else [f"{inner}{item}," for item in items]
    return "\n".join([before, *lines, indent + after])
