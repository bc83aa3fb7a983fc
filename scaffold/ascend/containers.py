"""Lists, tuples and dicts of values: what they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaffold.ascend.values import (
    UNKNOWN,
    Const,
    Elements,
    Row,
    Table,
    Value,
    Values,
    join,
)

if TYPE_CHECKING:
    pass


def fits(key: Value, wanted: Value) -> bool:
    """Return whether a table's key may be the one that is asked for."""
    if isinstance(key, Const) and isinstance(wanted, Const):
        return key == wanted
    if isinstance(key, Row) and isinstance(wanted, Row):
        return len(key.items) == len(wanted.items) and all(
            any(fits(a, b) for a in one for b in other) for one, other in zip(key.items, wanted.items)
        )
    return not (isinstance(key, Const | Row) and isinstance(wanted, Const | Row))


def elements(values: Values) -> Values:
    """Return what going through any of these values may give."""
    found: list[Values] = []
    for value in values:
        if isinstance(value, Elements):
            found.append(value.values)
        elif isinstance(value, Row):
            found.extend(value.items)
        elif isinstance(value, Table):
            found.append(frozenset(key for key, _ in value.items))
        else:
            found.append(UNKNOWN)
    return join(found) or UNKNOWN
