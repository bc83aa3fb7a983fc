"""A block of imports, grouped and sorted as ruff's isort rules want it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.text.python_text import bracketed
from codemods.text.standard_library import is_standard

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codemods.text.tree_style import Style


@dataclass(frozen=True)
class Import:
    """``import module [as alias]``, or ``from module import name [as alias]``."""

    module: str
    name: str = ""
    alias: str = ""


def import_block(imports: Iterable[Import], style: Style) -> str:
    """Lay out imports: the standard library, a blank line, all others; names of a module joined.

    See https://docs.astral.sh/ruff/rules/unsorted-imports/.
    """
    found = [(is_standard(entry.module, style.python), entry) for entry in set(imports)]
    groups = [[entry for standard, entry in found if standard is wanted] for wanted in (True, False)]
    return "\n".join("".join(_lines(group, style.line_length)) for group in groups if group)


def _lines(group: list[Import], width: int) -> list[str]:
    plain = sorted((e for e in group if not e.name), key=lambda e: (e.module.casefold(), e.module))
    lines = [f"import {entry.module}{_as(entry)}\n" for entry in plain]
    members: dict[str, list[Import]] = {}
    for entry in sorted((e for e in group if e.name), key=_member_key):
        # ruff keeps a renamed member on a line of its own (isort's combine-as-imports is off).
        members.setdefault(entry.module + ("|" + _as(entry) if entry.alias else ""), []).append(entry)
    for entries in members.values():
        names = [f"{entry.name}{_as(entry)}" for entry in entries]
        start = f"from {entries[0].module} import "
        line = start + ", ".join(names)
        if len(line) > width:
            line = bracketed(start + "(", names, ")", width=width)
        lines.append(line + "\n")
    return lines


def _member_key(entry: Import) -> tuple[str, bool, int, str]:
    """Sort modules alphabetically and members by kind: constants, classes, then the rest."""
    kind = 0 if entry.name.isupper() and len(entry.name) > 1 else 1 if entry.name[:1].isupper() else 2
    return entry.module.casefold(), bool(entry.alias), kind, entry.name


def _as(entry: Import) -> str:
    return f" as {entry.alias}" if entry.alias else ""
