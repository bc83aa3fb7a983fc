"""Which of a mapper's rules takes a name before a new one is asked, as ``WeightsMapper`` applies them.

Regular expressions come first and cannot be told for names in general; then parts of names, prefixes and suffixes, a
table after the other, each rule on what the ones before it made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_REST = "\0"
"""Stands for the rest of a name, which no rule speaks of."""
_PROBES = {"substr": "{rest}{old}{rest}", "prefix": "{old}{rest}", "suffix": "{rest}{old}"}


@dataclass(frozen=True)
class Taken:
    """A rule that takes all names that a new one is for: its key, what it makes of such a name, and where it is."""

    key: str
    becomes: str
    node: ast.expr


def taken_before(mapper: ast.Call, rule: str, old: str) -> Taken | None:
    """Return the rule after which names of ``old`` no longer match it, None if a rule for ``old`` is reached."""
    if rule not in _PROBES:
        return None
    name = _PROBES[rule].format(old=old, rest=_REST)
    for kind in _PROBES:
        for node, key, value in _plain_rules(mapper, kind):
            if not _matches(kind, key, name):
                continue
            if value is None:
                return Taken(key, "nothing", node)
            name = _renamed(kind, key, value, name)
            if not _matches(rule, old, name):
                return Taken(key, repr(value), node)
        if kind == rule:
            return None
    return None


def _plain_rules(mapper: ast.Call, kind: str) -> Iterator[tuple[ast.expr, str, str | None]]:
    table = next((k.value for k in mapper.keywords if k.arg == f"orig_to_new_{kind}"), None)
    if isinstance(table, ast.Dict):
        for key, value in zip(table.keys, table.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(value, ast.Constant) and isinstance(key.value, str):
                yield key, key.value, value.value if isinstance(value.value, str) else None


def _matches(kind: str, key: str, name: str) -> bool:
    if kind == "prefix":
        return name.startswith(key)
    return name.endswith(key) if kind == "suffix" else key in name


def _renamed(kind: str, key: str, value: str, name: str) -> str:
    if kind == "suffix":
        return name[: len(name) - len(key)] + value
    return name.replace(key, value, 1)
