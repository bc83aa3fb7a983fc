"""Calls in the body of a function: ``def register(): Registry.add("key", "value")``, one statement each."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.entries.listing import Elsewhere, Item, Listing, Section, Table
from codemods.entries.python.brackets import Form
from codemods.entries.python.layout import Layout, expression
from codemods.entries.python.source import Source, read_source
from codemods.entries.python.strings import constants, may_be
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from codemods.entries.entry_list import Entry
    from codemods.text.tree_style import Style


@dataclass(frozen=True)
class CallsOfFunction:
    """Calls of ``call`` (``Registry.add``) in the function ``function``; the first argument is an entry's key.

    Only unconditional statements are entries; a call under a condition counts as a place elsewhere. An entry's value
    is the source of the second argument.
    """

    function: str
    call: str

    def read(self, text: str, where: str, key: str) -> Listing:
        """Read the calls of the function. Raises `Refusal` if there is no such function, or none with such a call."""
        source = read_source(text, where)
        function = next(
            (s for s in source.tree.body if isinstance(s, ast.FunctionDef) and s.name == self.function), None
        )
        items = list(self._items(source, function)) if function is not None else []
        if function is None or not items:
            raise Refusal(
                f"no function `{self.function}` that calls `{self.call}`",
                where=where,
                expected="a vllm-ascend tree with out-of-tree models (0.11, or 0.23 and later)",
                remedy="use add-ascend-model, or place the model in vLLM's tree or in a separate plugin",
            )
        known = constants(source.tree)
        plain = {item.start for item in items}
        others = [
            Elsewhere("", source.segment(call.args[1]).strip("\"'") if len(call.args) > 1 else source.segment(call))
            for call in ast.walk(source.tree)
            if isinstance(call, ast.Call)
            and self._is_call(call)
            and source.line_start(source.start(call)) not in plain
            and may_be(call.args[0] if call.args else None, key, known)
        ]
        form = Form(items[-1].indent, self._unit(source, function, items[-1].indent), _line_end(source, function))
        return Listing((Table("", (Section("", items[0].start, tuple(items)),), form),), tuple(others))

    def value(self, entry: Entry, table: Table) -> Hashable:
        """Return the syntax of the second argument."""
        return ast.dump(expression(entry.value, entry.key))

    def write(self, entry: Entry, table: Table, section: Section, index: int, style: Style | None) -> str:
        """Return the statement, as formatters lay it out."""
        form = table.form
        assert isinstance(form, Form)
        layout = Layout(style.line_length if style else 88, form.unit, form.line_end)
        call = expression(f"{self.call}({entry.key!r}, {entry.value})", entry.key)
        return "".join(line + form.line_end for line in layout.lines("", call, "", form.indent))

    def _is_call(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and ast.unparse(node.func) == self.call

    def _items(self, source: Source, function: ast.FunctionDef) -> Iterator[Item]:
        for statement in function.body:
            if not (isinstance(statement, ast.Expr) and self._is_call(statement.value)):
                continue
            assert isinstance(statement.value, ast.Call)
            start, end = source.start(statement), source.end(statement)
            line, last = source.line_start(start), source.line_end(end)
            key, value = [*statement.value.args, None, None][:2]
            name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
            shown = source.segment(value).strip("\"'") if value is not None else ""
            dumped = ast.dump(value) if value is not None else None
            if not source.text[line:start].strip():
                missing = None if source.text[:last].endswith(("\n", "\r")) else (last, _line_end(source, function))
                yield Item(name, dumped, shown, line, last, source.text[line:start], missing)

    @staticmethod
    def _unit(source: Source, function: ast.FunctionDef, indent: str) -> str:
        outer = source.text[source.line_start(source.start(function)) : source.start(function)]
        return indent.removeprefix(outer) or "    "


def _line_end(source: Source, function: ast.FunctionDef) -> str:
    line = source.lines[function.lineno - 1]
    return line[len(line.rstrip("\r\n")) :] or "\n"
