"""Classes as Python sees them: the order in which bases are asked, and what a class body defines."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T", bound=Hashable)


def resolution_order(
    cls: T, bases: Callable[[T], Sequence[T]], descendants: frozenset[T] = frozenset()
) -> tuple[T, ...] | None:
    """Return a class and its ancestors in the order in which Python asks them (C3), None where there is no such order.

    https://docs.python.org/3/howto/mro.html

    Args:
        cls: the class.
        bases: returns the bases of a class, as its definition lists them.
        descendants: classes whose order asks for this one; a class among its own ancestors has no order.
    """
    if cls in descendants:
        return None
    own = bases(cls)
    orders = [resolution_order(base, bases, descendants | {cls}) for base in own]
    waiting = [list(order) for order in (*orders, own) if order]
    if None in orders:
        return None
    found = [cls]
    while waiting:
        after_others = {one for order in waiting for one in order[1:]}
        following = next((order[0] for order in waiting if order[0] not in after_others), None)
        if following is None:
            return None
        found.append(following)
        waiting = [rest for order in waiting if (rest := order[1:] if order[0] == following else order)]
    return tuple(found)


@dataclass(frozen=True)
class Body:
    """What a class body defines, by name."""

    functions: dict[str, list[ast.FunctionDef]]
    assigned: dict[str, ast.expr]
    """The expression that is assigned first."""


_BODIES: WeakKeyDictionary[ast.ClassDef, Body] = WeakKeyDictionary()
"""Bodies that were looked through: a class is asked for each attribute of each object."""


def functions(node: ast.ClassDef, name: str) -> Sequence[ast.FunctionDef]:
    """Return the functions of a name that a class body defines: a property's getter stands before its setter."""
    return _body(node).functions.get(name, ())


def assigned(node: ast.ClassDef, name: str) -> ast.expr | None:
    """Return the expression that a class body assigns to a name, None where it assigns none."""
    return _body(node).assigned.get(name)


def _body(node: ast.ClassDef) -> Body:
    found = _BODIES.get(node)
    if found is None:
        found = _BODIES[node] = _read(node)
    return found


def _read(node: ast.ClassDef) -> Body:
    body = Body({}, {})
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef):
            body.functions.setdefault(statement.name, []).append(statement)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                if isinstance(target, ast.Name):
                    body.assigned.setdefault(target.id, statement.value)
    return body
