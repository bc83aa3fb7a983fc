"""Statements of an ``__init__`` or a builder function, followed as far as their conditions are known."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.source.python.syntax import imported_names
from scaffold.vllm_models.evaluate import MAX_ITEMS, Evaluator
from scaffold.vllm_models.values import FunctionValue, Node, Unknown, join, truth

SHOWN = 160
"""Characters of an error's text."""


@dataclass(frozen=True)
class Returned:
    """The function is over."""

    value: Any


class Raises:
    """The function ends with an error."""


Outcome = Returned | Raises | None


def execute(body: Sequence[ast.stmt], scope: Evaluator) -> Outcome:
    """Follow statements; both ways are gone where a condition is not known, and what differs is joined."""
    for index, statement in enumerate(body):
        if isinstance(statement, ast.If):
            known = truth(scope.value(statement.test))
            if known is None:
                return _both(statement, body[index + 1 :], scope)
            outcome = execute(statement.body if known else statement.orelse, scope)
        else:
            outcome = _statement(statement, scope)
        if outcome is not None:
            return outcome
    return None


def _statement(statement: ast.stmt, scope: Evaluator) -> Outcome:
    if isinstance(statement, ast.Return):
        return Returned(None if statement.value is None else scope.value(statement.value))
    if isinstance(statement, ast.Raise):
        scope.reader.fault(scope.file.where(statement), _raised(statement))
        return Raises()
    if isinstance(statement, ast.Try):
        with scope.reader.doubtful():  # what fails there may be what is asked
            return execute(statement.body, scope)
    if isinstance(statement, ast.With):
        return execute(statement.body, scope)
    if isinstance(statement, ast.For):
        return _loop(statement, scope)
    _effect(statement, scope)
    return None


def _effect(statement: ast.stmt, scope: Evaluator) -> None:
    """Follow a statement that cannot end the function."""
    if isinstance(statement, ast.Assign):
        value = scope.value(statement.value)
        for target in statement.targets:
            scope.assign(target, value)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        scope.assign(statement.target, scope.value(statement.value))
    elif isinstance(statement, ast.AugAssign):
        combined = ast.copy_location(ast.BinOp(_loaded(statement.target), statement.op, statement.value), statement)
        scope.assign(statement.target, scope.value(combined))
    elif isinstance(statement, ast.Expr):
        scope.value(statement.value)
    elif isinstance(statement, ast.Assert):
        if truth(scope.value(statement.test)) is False:
            scope.reader.fault(scope.file.where(statement), f"asserts {ast.unparse(statement.test)[:SHOWN]}")
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        _import(statement, scope)
    elif isinstance(statement, ast.FunctionDef):
        scope.variables[statement.name] = FunctionValue(scope.file, statement, None, scope.variables)


def _raised(statement: ast.Raise) -> str:
    """Return what is raised, as a sentence's end."""
    return f"raises {ast.unparse(statement.exc)[:SHOWN]}" if statement.exc is not None else "raises an error"


def _loaded(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    return target


def _import(statement: ast.Import | ast.ImportFrom, scope: Evaluator) -> None:
    for name, dotted in imported_names(statement).items():
        scope.variables[name] = scope.reader.imported(scope.file, dotted)


def _loop(statement: ast.For, scope: Evaluator) -> Outcome:
    items = scope.value(statement.iter)
    known = isinstance(items, list | tuple | range) and len(items) <= MAX_ITEMS
    for item in items if known else (Unknown(f"{scope.file.where(statement)}: a loop", made=True),):
        scope.assign(statement.target, item)
        with scope.reader.doubtful(not known):
            outcome = execute(statement.body, scope)
        if outcome is not None:
            return outcome
    return None


def _both(statement: ast.If, rest: Sequence[ast.stmt], scope: Evaluator) -> Outcome:
    """Go both ways, join what those leave that go on, and go on."""
    before = _state(scope)
    going: list[State] = []
    over: list[tuple[Returned, State]] = []
    for way in (statement.body, statement.orelse):
        _restore(scope, before)
        with scope.reader.doubtful():
            outcome = execute(way, scope)
        if isinstance(outcome, Returned):
            over.append((outcome, _state(scope)))
        elif outcome is None:
            going.append(_state(scope))
    if going:
        _restore(scope, going[0] if len(going) == 1 else _join_states(*going))
        with scope.reader.doubtful(len(going) < 2):
            outcome = execute(rest, scope)
        if not over or isinstance(outcome, Raises):
            return outcome if not over else over[0][0]
        over.append((outcome or Returned(None), _state(scope)))
    if not over:
        return Raises()
    returned, state = over[0]
    for other, left in over[1:]:
        returned, state = Returned(join(returned.value, other.value)), _join_states(state, left)
    _restore(scope, state)
    return returned


State = tuple[dict[str, Any], dict[str, Any]]


def _state(scope: Evaluator) -> State:
    owner = scope.variables.get("self")
    return dict(scope.variables), dict(owner.attributes) if isinstance(owner, Node) else {}


def _restore(scope: Evaluator, state: State) -> None:
    scope.variables.clear()
    scope.variables.update(state[0])
    owner = scope.variables.get("self")
    if isinstance(owner, Node):
        owner.attributes = dict(state[1])


def _join_states(first: State, second: State) -> State:
    return _joined(first[0], second[0]), _joined(first[1], second[1])


def _joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {name: join(first.get(name), second.get(name)) for name in (first | second)}
