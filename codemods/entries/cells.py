"""Cells of Markdown tables, as arguments give them."""

from __future__ import annotations

from codemods.refusal import Refusal
from codemods.text.names import one_line


def markdown_text(value: str, what: str) -> str:
    """Return one line of text for a cell, "" for an empty one. Raises `Refusal` for what would end the cell or line."""
    if not value:
        return ""
    if "|" in value:
        raise Refusal(
            repr(value), where=what, expected="the text of one cell, without `|`", remedy="write it without `|`"
        )
    return one_line(value, what)


def cells_of(value: str, what: str) -> dict[str, str]:
    """Return the cells by their columns of ``Column=text; Other=text``. Raises `Refusal` for what is none."""
    found = {}
    for part in filter(str.strip, value.split(";")):
        name, equals, text = part.partition("=")
        if not equals or name.strip() in found:
            raise Refusal(
                repr(part), where=what, expected="Column=text, joined by `;`, each column once", remedy="correct it"
            )
        found[name.strip()] = markdown_text(text.strip(), what)
    return found
