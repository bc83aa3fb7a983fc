"""What the statements of a function do to its names and to the attributes of its object."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scaffold.ascend import (
    classes,
    containers,
    expressions,
    names,
)
from scaffold.ascend.frames import Frame, Skipped
from scaffold.ascend.tables import BATCH, DRAFTED, REFUSAL
from scaffold.ascend.trees import Site
from scaffold.ascend.values import (
    FALSE,
    NONE,
    NOTHING,
    TRUE,
    UNKNOWN,
    Const,
    Elements,
    Function,
    Instance,
    Layers,
    ModuleRef,
    Row,
    Table,
    TreeClass,
    Unknown,
    Values,
    join,
    truth,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker


def run(walker: Walker, body: list[ast.stmt], frame: Frame) -> bool:
    """Follow statements; return whether the function ends in them in any case."""
    return any(_one(walker, node, frame) for node in body)  # stops at the first that ends it


def _one(walker: Walker, node: ast.stmt, frame: Frame) -> bool:
    rule = _RULES.get(type(node))
    return bool(rule is not None and rule(walker, node, frame))


def _expression(walker: Walker, node: ast.Expr, frame: Frame) -> None:
    expressions.evaluate(walker, node.value, frame)


def _assignment(walker: Walker, node: ast.Assign, frame: Frame) -> None:
    found = expressions.evaluate(walker, node.value, frame)
    for target in node.targets:
        assign(walker, target, found, frame)


def _annotated(walker: Walker, node: ast.AnnAssign, frame: Frame) -> None:
    if node.value is not None:
        assign(walker, node.target, expressions.evaluate(walker, node.value, frame), frame)


def _return(walker: Walker, node: ast.Return, frame: Frame) -> bool:
    frame.returned |= expressions.evaluate(walker, node.value, frame) if node.value else NONE
    return True


def _while(walker: Walker, node: ast.While, frame: Frame) -> None:
    expressions.evaluate(walker, node.test, frame)
    _maybe(walker, [node.body], frame)


def _with(walker: Walker, node: ast.With | ast.AsyncWith, frame: Frame) -> bool:
    for item in node.items:
        found = expressions.evaluate(walker, item.context_expr, frame)
        if item.optional_vars is not None:
            assign(walker, item.optional_vars, found, frame)
    return run(walker, node.body, frame)


def _raise(walker: Walker, node: ast.Raise, frame: Frame) -> bool:
    _refusal(walker, node, frame)
    return True


def _function(walker: Walker, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> None:
    made = names.decorated(walker, Function(frame.module, node, None, frame), frame)
    frame.names[node.name] = frozenset({made})


def _class(walker: Walker, node: ast.ClassDef, frame: Frame) -> None:
    frame.names[node.name] = frozenset({classes.tree_class(frame.module, node)})


def _import(walker: Walker, node: ast.Import, frame: Frame) -> None:
    for alias in node.names:
        frame.names[alias.asname or alias.name.split(".")[0]] = names.imported(walker, alias)


def _import_from(walker: Walker, node: ast.ImportFrom, frame: Frame) -> None:
    for alias in node.names:
        found = names.member(walker, frame.module.absolute(node), alias.name)
        frame.names[alias.asname or alias.name] = found


def _match(walker: Walker, node: ast.Match, frame: Frame) -> None:
    expressions.evaluate(walker, node.subject, frame)
    _maybe(walker, [case.body for case in node.cases], frame)


def _leave(walker: Walker, node: ast.stmt, frame: Frame) -> bool:
    return True


def _branch(walker: Walker, node: ast.If, frame: Frame) -> bool:
    found = expressions.evaluate(walker, node.test, frame)
    held = truth(found)
    if held is not None:
        skip(walker, frame, node.test, node.orelse if held else node.body)
        return run(walker, node.body if held else node.orelse, frame)
    text, site = walker.text(node.test), frame.module.site(node)
    comes_up = found == TRUE | FALSE or _is_over_batch(node.test)
    before = _state(walker, frame)
    after = []
    for part, prefix in ((node.body, ""), (node.orelse, "not: ")):
        _restore(walker, frame, before)
        with walker.under(None if comes_up else (prefix + text, site)):
            if not run(walker, part, frame):
                after.append(_state(walker, frame))
    _restore(walker, frame, _joined(after) if after else before)
    return not after


def _is_over_batch(test: ast.expr) -> bool:
    """Return whether a condition asks for the requests at hand, so that both its branches come up."""
    names_in = {getattr(node, "id", "") or getattr(node, "attr", "") for node in ast.walk(test)}
    return not names_in.isdisjoint(BATCH) and not any(name.startswith(DRAFTED) for name in names_in)


def skip(walker: Walker, frame: Frame, test: ast.expr, left_out: list[ast.stmt] | list[ast.expr]) -> None:
    """Note lines that are not followed, as the condition over them is decided."""
    if left_out:
        first, last = left_out[0].lineno, getattr(left_out[-1], "end_lineno", None) or left_out[-1].lineno
        text = walker.text(test)
        walker.found.skipped.add(Skipped(text, frame.module.site(test), first, last))


def _maybe(walker: Walker, parts: list[list[ast.stmt]], frame: Frame) -> None:
    """Follow parts of which any may run, or none."""
    before = _state(walker, frame)
    after = [before]
    for part in parts:
        _restore(walker, frame, before)
        run(walker, part, frame)
        after.append(_state(walker, frame))
    _restore(walker, frame, _joined(after))


def _loop(walker: Walker, node: ast.For | ast.AsyncFor, frame: Frame) -> None:
    found = expressions.evaluate(walker, node.iter, frame)
    rows = [value for value in found if isinstance(value, Row)]
    if len(found) == 1 and rows and len(rows[0].items) <= 16 and walker.written is not None:
        for item in rows[0].items:
            assign(walker, node.target, item, frame)
            run(walker, node.body, frame)
    else:
        assign(walker, node.target, containers.elements(found), frame)
        _maybe(walker, [node.body], frame)
    run(walker, node.orelse, frame)


def _try(walker: Walker, node: ast.Try, frame: Frame) -> None:
    before = _state(walker, frame)
    ended = run(walker, node.body, frame)
    after = [] if ended else [_state(walker, frame)]
    for handler in node.handlers:
        _restore(walker, frame, before if not after else _joined([before, *after]))
        with walker.under(("an exception is caught", frame.module.site(handler))):
            if not run(walker, handler.body, frame):
                after.append(_state(walker, frame))
    _restore(walker, frame, _joined(after) if after else before)
    if not ended:
        run(walker, node.orelse, frame)
    run(walker, node.finalbody, frame)


State = tuple[dict[str, Values], dict[str, Values]]


def _state(walker: Walker, frame: Frame) -> State:
    return dict(frame.names), dict(_own(walker, frame))


def _own(walker: Walker, frame: Frame) -> dict[str, Values]:
    """Return the attributes of the object that is being built here."""
    return walker.building.get(frame.receiver.of, {}) if isinstance(frame.receiver, Instance) else {}


def _restore(walker: Walker, frame: Frame, state: State) -> None:
    frame.names.clear()
    frame.names.update(state[0])
    own = _own(walker, frame)
    own.clear()
    own.update(state[1])


def _joined(states: list[State]) -> State:
    if len(states) == 1:
        return states[0]
    both: tuple[dict[str, Values], dict[str, Values]] = ({}, {})
    for state in states:
        for held, part in zip(both, state):
            for name, values in part.items():
                held[name] = values if name not in held else held[name] | values
    return both


def assign(walker: Walker, target: ast.expr, values: Values, frame: Frame) -> None:
    """Let a target stand for values."""
    if isinstance(target, ast.Name):
        frame.names[target.id] = values
    elif isinstance(target, ast.Tuple | ast.List):
        for number, part in enumerate(target.elts):
            inner = part.value if isinstance(part, ast.Starred) else part
            assign(walker, inner, _part(values, number, len(target.elts)), frame)
    elif isinstance(target, ast.Attribute):
        receivers = expressions.evaluate(walker, target.value, frame)
        set_attribute(walker, receivers, target.attr, values, frame, target)
    elif isinstance(target, ast.Subscript):
        _put_at(walker, target, values, frame)


def _part(values: Values, number: int, count: int) -> Values:
    found = []
    for value in values:
        if isinstance(value, Row) and len(value.items) == count:
            found.append(value.items[number])
        elif isinstance(value, Elements | Row):
            found.append(containers.elements(frozenset({value})))
        else:
            found.append(UNKNOWN)
    return join(found) or UNKNOWN


def set_attribute(walker: Walker, receivers: Values, name: str, values: Values, frame: Frame, node: ast.AST) -> None:
    """Give an attribute of any of these objects a value."""
    for receiver in receivers:
        if isinstance(receiver, Instance):
            own = walker.building.get(receiver.of)
            if own is not None and receiver == frame.receiver:
                own[name] = values
            else:
                held = walker.attributes.setdefault(receiver.of, {}) if own is None else own
                held[name] = held.get(name, NOTHING) | values
        elif isinstance(receiver, ModuleRef | TreeClass) and walker.written is not None:
            only_if = walker.conditions[-1][0] if walker.conditions else ""
            walker.written.append((receiver, name, values, frame, node, only_if))


def _put_at(walker: Walker, target: ast.Subscript, values: Values, frame: Frame) -> None:
    """Let a dict hold values under a key; where the key is not known, under any."""
    key = expressions.evaluate(walker, target.slice, frame)
    held = expressions.evaluate(walker, target.value, frame)
    table = next(iter(held)) if len(held) == 1 else None
    if isinstance(table, Layers):
        walker.registered |= {value: None for value in values if isinstance(value, Instance)}
        return
    only = next(iter(key)) if len(key) == 1 else None
    if isinstance(table, Table) and isinstance(only, Const) and isinstance(target.value, ast.Name | ast.Attribute):
        items = tuple(item for item in table.items if item[0] != only)
        assign(walker, target.value, frozenset({Table((*items, (only, values)))}), frame)
    else:
        put_in(walker, target.value, values, frame)


def put_in(walker: Walker, target: ast.expr, values: Values, frame: Frame) -> None:
    """Let what a target holds hold these as well."""
    held = expressions.evaluate(walker, target, frame)
    if any(isinstance(value, Table) for value in held):
        return
    inside = containers.elements(held) if any(isinstance(value, Elements | Row) for value in held) else NOTHING
    known = frozenset(value for value in inside | values if value != Unknown())
    if known and isinstance(target, ast.Name | ast.Attribute):
        assign(walker, target, frozenset({Elements(known)}), frame)


def _grow(walker: Walker, node: ast.AugAssign, frame: Frame) -> None:
    added = expressions.evaluate(walker, node.value, frame)
    if any(isinstance(value, Elements | Row) for value in added):
        put_in(walker, node.target, containers.elements(added), frame)
    elif isinstance(node.target, ast.Name):
        frame.names[node.target.id] = UNKNOWN


def _refusal(walker: Walker, node: ast.Raise, frame: Frame) -> None:
    """Note that the platform is refused: an error is raised in a branch that its own answers lead to."""
    if node.exc is None:
        return
    site = frame.module.site(node)
    name = ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
    decided = any(_follows(skipped.site, skipped.last, site) for skipped in walker.found.skipped)
    if name == "NotImplementedError" and decided and not walker.conditions:
        walker.reach(REFUSAL, ast.unparse(node.exc)[:160], site)


def _follows(condition: Site, last: int, site: Site) -> bool:
    return condition.path == site.path and last < site.line <= last + 4


_RULES: dict[type[ast.stmt], Callable[[Walker, Any, Frame], bool | None]] = {
    ast.Expr: _expression,
    ast.Assign: _assignment,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _grow,
    ast.Return: _return,
    ast.If: _branch,
    ast.For: _loop,
    ast.AsyncFor: _loop,
    ast.While: _while,
    ast.Try: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Raise: _raise,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Match: _match,
    ast.Continue: _leave,
    ast.Break: _leave,
}
