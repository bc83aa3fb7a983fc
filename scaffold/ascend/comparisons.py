"""Whether a comparison of values is known to hold."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from scaffold.ascend.values import (
    NONE,
    Const,
    Row,
    Settings,
    Values,
    is_none,
)

if TYPE_CHECKING:
    pass


def both(left: Values, right: Values) -> bool:
    """Return whether all that is compared is known, and is equal in some places and not in others."""
    known = all(isinstance(value, Const) for value in left | right)
    return known and bool(left & right) and len(left | right) > 1


def held(operator: ast.cmpop, left: Values, right: Values) -> bool | None:
    """Return whether a comparison holds; None where that is not known."""
    equal = isinstance(operator, ast.Is | ast.Eq)
    if equal or isinstance(operator, ast.IsNot | ast.NotEq):
        same = is_none(left) if right == NONE else _same(left, right)
        return None if same is None else same is equal
    if isinstance(operator, ast.In | ast.NotIn):
        inside = _inside(left, right)
        return None if inside is None else inside is isinstance(operator, ast.In)
    first, second = _number(left), _number(right)
    if first is None or second is None:
        return None
    order: dict[type[ast.cmpop], bool] = {
        ast.Lt: first < second,
        ast.LtE: first <= second,
        ast.Gt: first > second,
        ast.GtE: first >= second,
    }
    return order.get(type(operator))


def _number(values: Values) -> float | None:
    only = next(iter(values)) if len(values) == 1 else None
    return float(only.value) if isinstance(only, Const) and isinstance(only.value, int | float) else None


def _same(left: Values, right: Values) -> bool | None:
    if not all(isinstance(value, Const) for value in left | right) or not left or not right:
        return None
    if len(left) == len(right) == 1:
        return left == right
    return None if left & right else False


def _inside(left: Values, right: Values) -> bool | None:
    parts = [next(iter(values)) for values in (left, right) if len(values) == 1]
    words = [part.value for part in parts if isinstance(part, Const) and isinstance(part.value, str)]
    if len(words) == 2:
        return words[0] in words[1]
    if len(words) == 1 and isinstance(parts[-1], Settings):
        return True if words[0] in dict(parts[-1].items) else False if parts[-1].whole else None
    rows = [value for value in right if isinstance(value, Row)]
    if len(rows) != 1 or len(right) != 1 or len(left) != 1:
        return None
    found = [_same(left, item) for item in rows[0].items]
    return True if True in found else None if None in found else False
