"""Writes expressions as Python. Where the config is found, and what the code around calls its numbers, is asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

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

CHOICE, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(8)
"""How tightly the parts of an expression hold together, from ``a if b else c`` to a name.

https://docs.python.org/3/reference/expressions.html#operator-precedence
"""
OPERATORS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "**": POWER}
NO_NAMES: Mapping[str, str] = {}


def write(tree: Expression, receiver: str = "config", names: Mapping[str, str] = NO_NAMES) -> str:
    """Return Python that computes an expression.

    Args:
        tree: the expression.
        receiver: what the config is called there: ``config``, ``self.config``, ``config.text_config``.
        names: role → what the number is called there, for each `Name` in the tree.

    Raises:
        LookupError: the tree has a name for which there is no word.
    """
    return _Writer(receiver, names).text(tree)


def shown(tree: Expression, receiver: str = "config") -> str:
    """Return an expression for people: names are their roles."""
    return _Writer(receiver, None).text(tree)


@dataclass(frozen=True)
class _Writer:
    receiver: str
    names: Mapping[str, str] | None

    def text(self, tree: Expression, at_least: int = CHOICE) -> str:
        """Return a tree in Python, in parentheses where it holds together less tightly than ``at_least``."""
        text = self._text(tree)
        return text if _tightness(tree) >= at_least else f"({text})"

    def _text(self, tree: Expression) -> str:
        match tree:
            case Item(of, index):
                return f"{self.text(of, ATOM)}[{self.text(index)}]"
            case Binary(op, left, right):
                return self._binary(op, left, right)
            case Log(operand):
                return f"math.log({self.text(operand)})"
            case Compare(op, left, right):
                return f"{self.text(left, SUM)} {op} {self.text(right, SUM)}"
            case Not(operand):
                return f"not {self.text(operand, NOT)}"
            case Choice(condition, then, otherwise):
                return f"{self.text(then, NOT)} if {self.text(condition, NOT)} else {self.text(otherwise)}"
            case Entries(items, base):
                begin = [] if base is None else [f"**{self.text(base, SUM)}"]
                return f"{{{', '.join([*begin, *(f'{_literal(n)}: {self.text(v)}' for n, v in items)])}}}"
        return self._leaf(tree)

    def _leaf(self, tree: Expression) -> str:
        match tree:
            case Literal(value):
                return _literal(value)
            case Key(path, objects):
                inside = "".join(f"[{_literal(part)}]" for part in path[objects + 1 :])
                return ".".join((self.receiver, *path[: objects + 1])) + inside
            case Name(role):
                return self._name(role)
            case LayerIndex():
                return "layer_idx"
            case OfLayer(key):
                return f"{self.receiver}.per_layer_config[layer_idx].{key}"
        raise TypeError(f"{tree!r} is not an expression")

    def _name(self, role: str) -> str:
        if self.names is None:
            return role
        if role not in self.names:
            raise LookupError(f"the code around has no {role}: it has {', '.join(sorted(self.names)) or 'no names'}")
        return self.names[role]

    def _binary(self, op: str, left: Expression, right: Expression) -> str:
        if op == "**":
            gap = "" if _is_short(left) and _is_short(right) else " "
            return f"{self.text(left, ATOM)}{gap}**{gap}{self.text(right, SIGN)}"
        tightness = OPERATORS[op]
        return f"{self.text(left, tightness)} {op} {self.text(right, tightness + 1)}"


def _is_short(operand: Expression) -> bool:
    """Return whether a power is written without blanks at this operand: ``config.head_dim**-0.5``."""
    return isinstance(operand, (Literal, Key, Name, LayerIndex))


def _tightness(tree: Expression) -> int:
    match tree:
        case Choice():
            return CHOICE
        case Not():
            return NOT
        case Compare():
            return COMPARISON
        case Binary(op):
            return OPERATORS[op]
        case Literal(int() as number) if number < 0:
            return SIGN
        case Literal(float() as number) if math.copysign(1, number) < 0:
            return SIGN
    return ATOM


def _literal(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # a Python string, in double quotes
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, tuple):
        inside = ", ".join(map(_literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)
