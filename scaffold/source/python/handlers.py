"""Which ``except`` of a ``try`` handles an exception."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence

from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.syntax import last_name

ALL = ("Exception", "BaseException")
"""What handles any exception that source raises."""


def handler_of(error: Raised, handlers: Sequence[ast.ExceptHandler]) -> ast.ExceptHandler | None:
    """Return the first handler of an exception, None where none is; the first of all if its kind is not known.

    Raises:
        NotUnderstood: the exception is of a class of the source, and no handler names it.
    """
    if not error.kind:
        return next(iter(handlers), None)
    return next((one for one in handlers if _handles(one, error)), None)


def catches_assertions(handlers: Sequence[ast.ExceptHandler]) -> bool:
    """Return whether an assertion that fails is handled."""
    return any(one.type is None or {"AssertionError", *ALL} & set(_names(one.type)) for one in handlers)


def _handles(handler: ast.ExceptHandler, error: Raised) -> bool:
    if handler.type is None:
        return True
    names = list(_names(handler.type))
    if error.kind in names or set(ALL) & set(names):
        return True
    kind = _class_of(error.kind)
    if kind is None:
        raise NotUnderstood(f"{error.what}, where {' and '.join(names)} is handled", error.where)
    return any(issubclass(kind, one) for one in map(_class_of, names) if one is not None)


def _class_of(name: str) -> type | None:
    found = getattr(builtins, name, None)
    return found if isinstance(found, type) else None


def _names(node: ast.expr) -> Iterator[str]:
    for one in node.elts if isinstance(node, ast.Tuple) else (node,):
        yield last_name(one)
