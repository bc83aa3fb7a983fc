"""Mutants of Python source: one statement dropped, two swapped, an operator, a constant or a branch changed.

A mutant is a whole file, written anew from its tree: comments go, and nothing else but the one change.
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

INERT = frozenset({"_init_weights", "reset_parameters", "post_init", "init_weights"})
"""Functions that give weights their first values, which a checkpoint replaces: their mutants are all alike."""
OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult, ast.Mod: ast.FloorDiv, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A changed file.

    Attributes:
        kind: a name of `KINDS`.
        line: of the original text.
        before: the statement as it was.
        after: as it is now.
        text: the whole file.
    """

    kind: str
    line: int
    before: str
    after: str
    text: str


Change = Callable[[], str]
"""Changes the tree it was made for, and says what is there now."""


def mutants(text: str, lines: Collection[int], seed: int) -> Iterator[Mutant]:
    """Yield mutants of a file in random order, the kinds in turn, each site once.

    Args:
        text: the file.
        lines: those that run; others are left alone, as a change there changes nothing.
        seed: of the order.
    """
    rng = random.Random(seed)
    sites = {kind: [*range(len(_sites(kind, ast.parse(text), lines)))] for kind in KINDS}
    for left in sites.values():
        rng.shuffle(left)
    seen = {ast.unparse(ast.parse(text))}
    while any(sites.values()):
        for kind, left in sites.items():
            if not left:
                continue
            tree = ast.parse(text)
            statement, change = _sites(kind, tree, lines)[left.pop()]
            before = _first_line(statement)
            after = change()
            changed = ast.unparse(tree)
            if changed not in seen:
                seen.add(changed)
                yield Mutant(kind, statement.lineno, before, after, changed)


def _sites(kind: str, tree: ast.Module, lines: Collection[int]) -> list[tuple[ast.stmt, Change]]:
    """Return all places of a tree that can be changed in a way, with the statement that each lies in."""
    return [
        (statement, change)
        for block in _blocks(tree)
        for index, statement in enumerate(block)
        if statement.lineno in lines
        for change in KINDS[kind](block, index)
    ]


def _blocks(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of statements in functions."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or function.name in INERT:
            continue
        level: list[ast.AST] = [function]
        while level:
            node = level.pop()
            for block in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
                if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                    yield block
                    level += [one for one in block if not isinstance(one, (ast.FunctionDef, ast.ClassDef))]


def _drop(block: list[ast.stmt], index: int) -> Iterator[Change]:
    statement = block[index]
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    if isinstance(statement, (ast.Assign, ast.AugAssign, ast.Expr, ast.If)) and not text:

        def change() -> str:
            block[index] = ast.Pass()
            return "pass"

        yield change


def _swap(block: list[ast.stmt], index: int) -> Iterator[Change]:
    simple = (ast.Assign, ast.AugAssign, ast.Expr)
    if index + 1 < len(block) and all(isinstance(one, simple) for one in block[index : index + 2]):

        def change() -> str:
            block[index], block[index + 1] = block[index + 1], block[index]
            return f"{_first_line(block[index])}; {_first_line(block[index + 1])}"

        yield change


def _operator(block: list[ast.stmt], index: int) -> Iterator[Change]:
    statement = block[index]
    for node in _expressions(statement):
        if isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)) and type(node.op) in OPERATORS:
            yield _set(statement, node, "op", OPERATORS[type(node.op)]())
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
            yield _set(statement, node, "ops", [OPERATORS[type(node.ops[0])](), *node.ops[1:]])
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield _set(statement, node, "op", ast.UAdd())


def _constant(block: list[ast.stmt], index: int) -> Iterator[Change]:
    statement = block[index]
    for node in _expressions(statement):
        if not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, bool):
            yield _set(statement, node, "value", not node.value)
        elif isinstance(node.value, int):
            yield _set(statement, node, "value", node.value + 1)
        elif isinstance(node.value, float):
            yield _set(statement, node, "value", node.value * 1.5 or 0.5)


def _branch(block: list[ast.stmt], index: int) -> Iterator[Change]:
    statement = block[index]
    nodes = [statement, *_expressions(statement)]
    for node in nodes:
        if isinstance(node, (ast.If, ast.IfExp)):
            yield _set(statement, node, "test", ast.UnaryOp(ast.Not(), copy.deepcopy(node.test)))


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement but those of blocks inside of it."""
    level: list[ast.AST] = [statement]
    while level:
        node = level.pop()
        yield node
        children = ast.iter_child_nodes(node)
        level += [one for one in children if not isinstance(one, (ast.stmt, ast.excepthandler))]


def _set(statement: ast.stmt, node: ast.AST, name: str, value: object) -> Change:
    def change() -> str:
        setattr(node, name, value)
        return _first_line(statement)

    return change


def _first_line(statement: ast.stmt) -> str:
    return ast.unparse(ast.fix_missing_locations(statement)).partition("\n")[0]


KINDS: dict[str, Callable[[list[ast.stmt], int], Iterator[Change]]] = {
    "drop": _drop,
    "swap": _swap,
    "operator": _operator,
    "constant": _constant,
    "branch": _branch,
}
