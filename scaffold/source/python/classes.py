"""Classes as Python sees them: the order in which bases are asked, and what a class body defines."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

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


def functions(node: ast.ClassDef, name: str) -> Iterator[ast.FunctionDef]:
    """Return the functions of a name that a class body defines: a property's getter stands before its setter."""
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == name:
            yield statement


def assigned(node: ast.ClassDef, name: str) -> ast.expr | None:
    """Return the expression that a class body assigns to a name, None where it assigns none."""
    for statement in node.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return statement.value
    return None
