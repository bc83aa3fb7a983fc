"""Python source of values, laid out as ruff and black do: on one line if it fits, else taken apart at its brackets."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from unicodedata import east_asian_width

from codemods.refusal import Refusal


@dataclass(frozen=True)
class Layout:
    """The line length in columns, one step of indentation, the line end, the quotes of strings."""

    width: int
    unit: str = "    "
    line_end: str = "\n"
    quote: str = '"'

    def lines(self, before: str, value: ast.expr, after: str, indent: str, *, exploded: bool = False) -> list[str]:
        """Lay out ``before value after`` behind an indentation."""
        one = f"{indent}{before}{self.flat(value)}{after}"
        if not exploded and columns(one) <= self.width:
            return [one]
        inner = indent + self.unit
        parts = self._parts(value)
        if parts is None:
            if columns(f"{indent}{before}{self.flat(value)}") <= self.width or not before:
                return [one]
            return [f"{indent}{before}(", f"{inner}{self.flat(value)}", f"{indent}){after}"]
        opening, items, closing = parts
        hugged = inner + ", ".join(start + self.flat(item) for start, item in items)
        if isinstance(value, ast.Call) and not exploded and columns(hugged) <= self.width:
            inside = [hugged]
        else:
            inside = [line for start, item in items for line in self.lines(start, item, ",", inner)]
        return [f"{indent}{before}{opening}", *inside, f"{indent}{closing}{after}"]

    def flat(self, value: ast.expr) -> str:
        """Return a value's source on one line."""
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            text = json.dumps(value.value, ensure_ascii=False)
            return text if self.quote == '"' or "'" in text or "\\" in text else f"'{text[1:-1]}'"
        parts = self._parts(value)
        if parts is None:
            return ast.unparse(value)
        opening, items, closing = parts
        inside = ", ".join(start + self.flat(item) for start, item in items)
        is_single = isinstance(value, ast.Tuple) and len(value.elts) == 1
        return f"{opening}{inside}{',' if is_single else ''}{closing}"

    def _parts(self, value: ast.expr) -> tuple[str, list[tuple[str, ast.expr]], str] | None:
        """Return a bracket, what stands in it, each with what comes before it, and the closing bracket."""
        match value:
            case ast.Tuple(elts=elements):
                return "(", [("", element) for element in elements], ")"
            case ast.List(elts=elements):
                return "[", [("", element) for element in elements], "]"
            case ast.Dict(keys=keys, values=values) if None not in keys:
                pairs = zip(keys, values, strict=True)
                return "{", [(f"{self.flat(key)}: ", one) for key, one in pairs if key is not None], "}"
            case ast.Call(func=function, args=arguments, keywords=keywords):
                named = [(f"{keyword.arg}=" if keyword.arg else "**", keyword.value) for keyword in keywords]
                return f"{ast.unparse(function)}(", [*(("", one) for one in arguments), *named], ")"
        return None


def columns(text: str) -> int:
    """Return how wide a text is: wide characters of East Asia take two columns, as in ruff."""
    return len(text) if text.isascii() else sum(1 + (east_asian_width(c) in "WF") for c in text)


def expression(source: str, what: str) -> ast.expr:
    """Parse the source of a value. Raises `Refusal` if it is no expression."""
    try:
        return ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refusal(
            f"{source!r} is not valid Python ({getattr(error, 'msg', error)})",
            where=what,
            expected="an expression",
            remedy="correct it",
        ) from error
