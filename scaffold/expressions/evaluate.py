"""Computes expressions over a config."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from scaffold.expressions.tree import (
    Binary,
    Choice,
    Compare,
    Entries,
    Expression,
    Item,
    Key,
    LayerIndex,
    Literal,
    Log,
    Name,
    Not,
    OfLayer,
)

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}
PER_LAYER = "per_layer_config"
"""Where configs say what single layers have, by their number (transformers: integrations/heterogeneity)."""
NOTHING: Mapping[str, Any] = {}


def evaluate(
    tree: Expression, config: Mapping[str, Any], layer_idx: int | None = None, names: Mapping[str, Any] = NOTHING
) -> Any:
    """Return the value of an expression.

    Args:
        tree: the expression.
        config: the keys that it may use.
        layer_idx: the layer's number, where the expression needs one.
        names: role → number, for each `Name` in the tree.

    Raises:
        LookupError: the config has no such key, a list no such item, ``names`` no such role.
        ValueError: a logarithm of no positive number.
        TypeError: values do not fit their operation, or the expression needs a layer's number and has none.
        ArithmeticError: a division by zero, a power that is too large.
    """

    def value(part: Expression) -> Any:
        return evaluate(part, config, layer_idx, names)

    match tree:
        case Item(of, index):
            return value(of)[value(index)]
        case Binary(op, left, right) | Compare(op, left, right):
            return OPERATIONS[op](value(left), value(right))
        case Log(operand):
            return math.log(value(operand))
        case Not(operand):
            return not value(operand)
        case Choice(condition, then, otherwise):
            return value(then) if value(condition) else value(otherwise)
        case Entries(items, base):
            return {**({} if base is None else value(base)), **{name: value(item) for name, item in items}}
    return _leaf(tree, config, layer_idx, names)


def _leaf(tree: Expression, config: Mapping[str, Any], layer_idx: int | None, names: Mapping[str, Any]) -> Any:
    match tree:
        case Literal(literal):
            return literal
        case Key(path):
            return look_up(config, path)
        case Name(role):
            return names[role]
        case LayerIndex():
            return _number(layer_idx)
        case OfLayer(key):
            return of_layer(config, key, _number(layer_idx))
    raise TypeError(f"{tree!r} is not an expression")


def _number(layer_idx: int | None) -> int:
    if layer_idx is None:
        raise TypeError("an expression that differs from layer to layer needs the number of one")
    return layer_idx


def of_layer(config: Mapping[str, Any], key: str, layer_idx: int) -> Any:
    """Return what a layer has for a key: its own value, else that of all layers.

    Raises:
        LookupError: there is none.
    """
    own = config.get(PER_LAYER) or {}
    return {**own.get(str(layer_idx), {}), **own.get(layer_idx, {})}.get(key, config[key])


def of_single_layers(config: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys that single layers have values of their own for: a config object has none for all."""
    own = config.get(PER_LAYER)
    return frozenset(key for one in own.values() for key in one) if isinstance(own, Mapping) else frozenset()


def look_up(config: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Return what lies at a path.

    Raises:
        LookupError: nothing does.
        TypeError: the path leads into something that is no mapping.
    """
    found: Any = config
    for part in path:
        found = found[part]
    return found
