"""All places in which a module gives a key to a table: literals, ``D[key] = …``, ``.update``, ``|=`` and so on."""

from __future__ import annotations

import ast
from collections import deque
from typing import TYPE_CHECKING

from codemods.entries.listing import Elsewhere
from codemods.entries.python.strings import constants, may_be

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from codemods.entries.python.source import Source

_ADDING = ("update", "setdefault", "append", "extend", "insert", "add", "__setitem__", "register")


def elsewhere(
    source: Source, is_table: Callable[[str], bool], key: str, items: Collection[int]
) -> tuple[Elsewhere, ...]:
    """Return all places that give ``key`` to a table, but for the keys of its plain items.

    ``items`` are the ids of the nodes that are such keys.
    """
    known = constants(source.tree)
    found = []
    for name, statement, values in _givers(source.tree, is_table):
        for value in values:
            if any(mark not in items and may_be(node, key, known) for mark, node in _keys(value)):
                found.append(Elsewhere(name, " ".join(source.segment(statement).split())[:160]))
                break
    return tuple(found)


def _givers(tree: ast.Module, is_table: Callable[[str], bool]) -> Iterator[tuple[str, ast.stmt, list[ast.expr]]]:
    """Yield each statement that gives keys to a table, the table's name, and the expressions that hold the keys."""
    for node in _statements(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if (name := _name(target)) and is_table(name):
                        yield name, node, [target.slice if isinstance(target, ast.Subscript) else value]
            case ast.AnnAssign(target=target, value=value) | ast.AugAssign(target=target, value=value):
                if (name := _name(target)) and is_table(name) and value is not None:
                    yield name, node, [target.slice if isinstance(target, ast.Subscript) else value]
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) as call):
                if method in _ADDING and is_table(name):
                    yield name, node, [call]


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield all statements, also those inside of others, in the order of `ast.walk`, but visit no expression."""
    level: deque[ast.AST] = deque(tree.body)
    while level:
        node = level.popleft()
        for field in ("body", "handlers", "orelse", "finalbody", "cases"):
            level.extend(getattr(node, field, ()))
        if isinstance(node, ast.stmt):
            yield node


def _name(target: ast.expr) -> str | None:
    inner = target.value if isinstance(target, ast.Subscript) else target
    return inner.id if isinstance(inner, ast.Name) else None


def _keys(value: ast.expr) -> Iterator[tuple[int, ast.expr]]:
    """Yield the expressions of a value that are keys, or names of a list, each with the id of the node that has it."""
    match value:
        case ast.Dict(keys=keys, values=values):
            for key, one in zip(keys, values, strict=True):
                yield from ((id(key), key),) if key is not None else _keys(one)
        case ast.Call(args=arguments, keywords=keywords):
            for argument in arguments:
                yield from _keys(argument)
            for keyword in keywords:
                yield from ((id(keyword), ast.Constant(keyword.arg)),) if keyword.arg else _keys(keyword.value)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _keys(left)
            yield from _keys(right)
        case ast.Starred(value=inner) | ast.NamedExpr(value=inner):
            yield from _keys(inner)
        case _:
            yield from ((id(key), key) for key in _plain_keys(value))


def _plain_keys(value: ast.expr) -> list[ast.expr]:
    """Return the keys of a value that has no further values in it; a list of pairs has the first of each."""
    match value:
        case ast.DictComp(key=key):
            return [key]
        case ast.List(elts=elements) | ast.Set(elts=elements):
            return [e.elts[0] if isinstance(e, ast.Tuple) and e.elts else e for e in elements]
        case ast.Tuple(elts=elements):
            return elements[:1]
        case ast.Constant() | ast.JoinedStr() | ast.BinOp() | ast.Name():
            return [value]
    return []
