"""Edits of the tables of a ``WeightsMapper`` that is written out in a class."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codemods.models.class_source import ClassSource


def with_rule(found: ClassSource, table: ast.Dict, entry: str) -> str:
    """Return the text with an entry at the end of a table that is there."""
    start, stop = found.start(table), found.stop(table)
    if not table.values:
        indent = found.indent(table)
        return found.spliced((start, stop, f"{{\n{indent}    {indented(entry, indent)}\n{indent}}}"))
    last = table.values[-1]
    if last.end_lineno == table.end_lineno:  # on one line: broken, with the comma that keeps it so
        indent = found.indent(table)
        pairs = [
            f"{found.text[found.start(k) : found.stop(k)]}: {found.text[found.start(v) : found.stop(v)]},"
            for k, v in zip(table.keys, table.values, strict=True)
            if k is not None
        ]
        return found.spliced(
            (
                start,
                stop,
                "{" + "".join(f"\n{indent}    {p}" for p in (*pairs, indented(entry, indent))) + f"\n{indent}}}",
            )
        )
    first_key = table.keys[-1]
    indent = found.indent(first_key if first_key is not None else last)
    at = found.stop(last)
    comma = "" if found.text[at:].lstrip().startswith(",") else ","
    line_end = found.text.index("\n", at)
    edits = [(line_end + 1, line_end + 1, f"{indent}{indented(entry, indent[4:])}\n")]
    return found.spliced(*edits, *([(at, at, comma)] if comma else []))


def with_table(found: ClassSource, mapper: ast.Call, table: str, entry: str) -> str:
    """Return the text with a new table of one entry in a mapper's call."""
    if not mapper.keywords or mapper.lineno == mapper.end_lineno:
        base = found.indent(mapper)
        shown = [
            found.text[offset : found.stop(k.value)] for k in mapper.keywords for offset in [_keyword_start(found, k)]
        ]
        rows = "".join(f"\n{base}    {row}," for row in shown)
        new = f"({rows}\n{base}    {table}={{\n{base}        {indented(entry, f'{base}    ')}\n{base}    }},\n{base})"
        return found.spliced((found.stop(mapper.func), found.stop(mapper), new))
    last = mapper.keywords[-1]
    indent = found.lines[last.lineno - 1][: last.col_offset]
    at = found.stop(last.value)
    comma = "" if found.text[at:].lstrip().startswith(",") else ","
    line_end = found.text.index("\n", at)
    rows = f"{indent}{table}={{\n{indent}    {indented(entry, indent)}\n{indent}}},\n"
    return found.spliced((line_end + 1, line_end + 1, rows), *([(at, at, comma)] if comma else []))


def indented(entry: str, indent: str) -> str:
    """Return an entry of one or more lines, set a level deeper than ``indent``."""
    return entry.replace("\n", f"\n{indent}    ")


def _keyword_start(found: ClassSource, keyword: ast.keyword) -> int:
    return found.start(keyword.value) - len(f"{keyword.arg}=")
