"""A dict in a dict literal at the top level of a module: ``NAME = {"outer": {"key": value, …}, …}``."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codemods.entries.kinds.brackets_of_python import Brackets
from codemods.entries.kinds.dict_literal import DictLiteral, dict_brackets
from codemods.entries.listing import Elsewhere, Listing
from codemods.entries.python.source import Source, read_source, statements
from codemods.entries.python.strings import constants, may_be

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class NestedDict(DictLiteral):
    """The tables are the inner dicts, by their outer keys."""

    what: str = "dict of dicts"

    def found(self, source: Source) -> Iterator[tuple[str, Brackets]]:
        """Yield the inner dicts of the dict that ``names`` matches."""
        for name, statement in statements(source.tree).items():
            if re.fullmatch(self.names, name) and isinstance(statement.value, ast.Dict):
                for key, value in zip(statement.value.keys, statement.value.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(value, ast.Dict):
                        yield key.value, dict_brackets(source, value)

    def read(self, text: str, where: str, key: str) -> Listing:
        """Read the inner dicts, and the statements ``NAME["outer"][key] = …`` and ``NAME["outer"].update(…)``."""
        listing = super().read(text, where, key)
        source = read_source(text, where)
        known = constants(source.tree)
        others = []
        for node in ast.walk(source.tree):
            match node:
                case ast.Subscript(value=ast.Subscript() as outer, slice=inner, ctx=ast.Store()):
                    keys = [inner]
                case ast.Call(func=ast.Attribute(value=ast.Subscript() as outer), args=arguments):
                    keys = [one for a in arguments if isinstance(a, ast.Dict) for one in a.keys if one is not None]
                case _:
                    continue
            is_ours = isinstance(outer.value, ast.Name) and re.fullmatch(self.names, outer.value.id)
            if is_ours and any(may_be(one, key, known) for one in keys):
                tables = (table.name for table in listing.tables if may_be(outer.slice, table.name, known))
                others += [Elsewhere(table, source.segment(node)) for table in tables]
        return replace(listing, elsewhere=tuple(others))
