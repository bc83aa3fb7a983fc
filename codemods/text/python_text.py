"""Read Python source with libcst and write calls and tuples the way ruff and black lay them out."""

from __future__ import annotations

from functools import lru_cache

import libcst as cst

from codemods.refusal import Refusal

INDENT = "    "


def parse_module(text: str, where: str) -> cst.Module:
    """Parse a whole file. Raises `Refusal` if it is not valid Python."""
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
    """Parse a text: vLLM's registry takes a third of a second. Modules are values, which nobody changes."""
    return cst.parse_module(text)


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
