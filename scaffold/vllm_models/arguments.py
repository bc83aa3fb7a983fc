"""What a call gives: its arguments, and the prefix among them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from scaffold.vllm_models.evaluate import Evaluator


def prefix_of(named: Mapping[str, Any]) -> str | None:
    """Return the prefix that a layer is made with: none given is the empty one, None is one that is not known."""
    prefix = named.get("prefix", "")
    return prefix if isinstance(prefix, str) else None


def arguments_of(scope: Evaluator, node: ast.Call) -> tuple[list[Any], dict[str, Any]] | None:
    """Return the arguments of a call, None where it is not known how many there are or what they are called."""
    positional: list[Any] = []
    for argument in node.args:
        value = scope.value(argument.value if isinstance(argument, ast.Starred) else argument)
        if isinstance(argument, ast.Starred) and not isinstance(value, list | tuple):
            return None
        positional += value if isinstance(argument, ast.Starred) else [value]
    named: dict[str, Any] = {}
    for keyword in node.keywords:
        value = scope.value(keyword.value)
        if keyword.arg:
            named[keyword.arg] = value
        elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
            named |= value
        else:
            return None
    return positional, named
