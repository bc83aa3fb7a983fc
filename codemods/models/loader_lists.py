"""The lists of names that a class's ``AutoWeightsLoader`` leaves out."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codemods.models.class_source import ClassSource

LISTS = ("skip_prefixes", "skip_substrs", "ignore_unexpected_prefixes", "ignore_unexpected_suffixes")


def with_skipped(found: ClassSource, name: str, key: str) -> str:
    """Return the text with a name, as source, in a list that `AutoWeightsLoader` is called with. Raises `Refusal`."""
    method = found.method("load_weights")
    calls = [part for part in ast.walk(method) if isinstance(part, ast.Call)] if method else []
    made = [call for call in calls if ast.unparse(call.func) == "AutoWeightsLoader"]
    if len(made) != 1:
        raise found.refusal(
            f"{len(made)} calls of AutoWeightsLoader in load_weights", "one", "write the loader by hand", method
        )
    keyword = next((k for k in made[0].keywords if k.arg == name), None)
    if keyword is None:
        stop = found.stop(made[0]) - 1
        before = found.text[:stop].rstrip()
        comma = "" if before.endswith(",") else ", "
        if before.endswith(","):
            return found.spliced((len(before), len(before), f"\n{found.indent(made[0])}    {name}=[{key}],"))
        return found.spliced((len(before), len(before), f"{comma}{name}=[{key}]"))
    if not isinstance(keyword.value, ast.List):
        raise found.refusal(f"{name} is no plain list", "a list written out", "edit it by hand", keyword.value)
    if any(ast.unparse(item) == ast.unparse(ast.parse(key, mode="eval").body) for item in keyword.value.elts):
        return found.text
    items = keyword.value.elts
    if items and items[-1].end_lineno != keyword.value.end_lineno:
        at = found.stop(items[-1])
        comma = "" if found.text[at:].lstrip().startswith(",") else ","
        line_end = found.text.index("\n", at)
        new = (line_end + 1, line_end + 1, f"{found.indent(items[-1])}{key},\n")
        return found.spliced(new, *([(at, at, comma)] if comma else []))
    at = found.stop(items[-1]) if items else found.stop(keyword.value) - 1
    return found.spliced((at, at, f", {key}" if items else key))
