"""What an expression may give. Every part of it is looked at, as any part may call a kernel."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scaffold.ascend import (
    attributes,
    calls,
    comparisons,
    containers,
    names,
    statements,
)
from scaffold.ascend.frames import Frame
from scaffold.ascend.tables import ASCEND_NAMESPACES, OPERATOR, OWN_NAMESPACES, TORCH_NAMESPACES
from scaffold.ascend.values import (
    FALSE,
    NONE,
    TRUE,
    UNKNOWN,
    Const,
    Elements,
    External,
    Function,
    Instance,
    Layers,
    Row,
    Settings,
    Table,
    TorchOperator,
    TreeClass,
    Value,
    Values,
    constant,
    join,
    truth,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker


def evaluate(walker: Walker, node: ast.expr, frame: Frame) -> Values:
    """Return what an expression may give."""
    rule = _RULES.get(type(node))
    if rule is not None:
        return rule(walker, node, frame)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            evaluate(walker, child, frame)
    return UNKNOWN


def _constant(walker: Walker, node: ast.Constant, frame: Frame) -> Values:
    return constant(node.value) if isinstance(node.value, str | int | float | bool | None) else UNKNOWN


def _name(walker: Walker, node: ast.Name, frame: Frame) -> Values:
    if node.id == "TYPE_CHECKING":
        return FALSE
    place: Frame | None = frame
    while place is not None:
        if node.id in place.names:
            return place.names[node.id]
        place = place.outer
    found = names.in_module(walker, frame.module, node.id)
    return frozenset({External(f"builtins.{node.id}")}) if found is None else found


def _attribute(walker: Walker, node: ast.Attribute, frame: Frame) -> Values:
    return attribute_of(walker, node, evaluate(walker, node.value, frame), frame)


def attribute_of(walker: Walker, node: ast.Attribute, receivers: Values, frame: Frame) -> Values:
    """Return what an attribute of these may give; an operator of a compiled extension is noted."""
    found = attributes.attribute(walker, receivers, node.attr, frame)
    for value in found:
        if isinstance(value, TorchOperator):
            _operator(walker, value, node, frame)
    return found


def _operator(walker: Walker, value: TorchOperator, node: ast.Attribute, frame: Frame) -> None:
    """Note an operator of a compiled extension: naming one that was not built raises already."""
    known = (*ASCEND_NAMESPACES, *OWN_NAMESPACES, *TORCH_NAMESPACES)
    if value.namespace not in known and value.name == node.attr:
        walker.reach(OPERATOR, f"{value.namespace}.{value.name}", frame.module.site(node))


def _call(walker: Walker, node: ast.Call, frame: Frame) -> Values:
    return calls.of_node(walker, node, frame)


def _conditional(walker: Walker, node: ast.IfExp, frame: Frame) -> Values:
    held = truth(evaluate(walker, node.test, frame))
    if held is not None:
        statements.skip(walker, frame, node.test, [node.orelse if held else node.body])
        return evaluate(walker, node.body if held else node.orelse, frame)
    with walker.under((walker.text(node.test), frame.module.site(node))):
        return evaluate(walker, node.body, frame) | evaluate(walker, node.orelse, frame)


def _either(walker: Walker, node: ast.BoolOp, frame: Frame) -> Values:
    stops = isinstance(node.op, ast.Or)
    seen: Values = frozenset()
    for number, operand in enumerate(node.values):
        unsure = bool(seen)
        with walker.under((walker.text(node), frame.module.site(node)) if unsure else None):
            found = evaluate(walker, operand, frame)
        held = truth(found)
        if held is stops:
            return seen | found if stops else FALSE
        if held is None or number == len(node.values) - 1:
            seen |= found
    return seen


def _not(walker: Walker, node: ast.UnaryOp, frame: Frame) -> Values:
    found = evaluate(walker, node.operand, frame)
    if isinstance(node.op, ast.Not):
        held = truth(found)
        return UNKNOWN if held is None else FALSE if held else TRUE
    only = next(iter(found))
    if isinstance(node.op, ast.USub) and isinstance(only, Const) and isinstance(only.value, int | float):
        return constant(-only.value)
    return UNKNOWN


def _compare(walker: Walker, node: ast.Compare, frame: Frame) -> Values:
    sides = [evaluate(walker, side, frame) for side in (node.left, *node.comparators)]
    if len(node.ops) != 1:
        return UNKNOWN
    if isinstance(node.ops[0], ast.Eq | ast.NotEq) and comparisons.both(*sides):
        return TRUE | FALSE
    held = comparisons.held(node.ops[0], sides[0], sides[1])
    return UNKNOWN if held is None else TRUE if held else FALSE


def _subscript(walker: Walker, node: ast.Subscript, frame: Frame) -> Values:
    held = evaluate(walker, node.value, frame)
    key = evaluate(walker, node.slice, frame)
    return join(_item(walker, value, key, frame) for value in held) or UNKNOWN


def _item(walker: Walker, value: Value, key: Values, frame: Frame) -> Values:
    if isinstance(value, Elements):
        return value.values or UNKNOWN
    if isinstance(value, Row):
        only = next(iter(key)) if len(key) == 1 else None
        if (
            isinstance(only, Const)
            and isinstance(only.value, int)
            and -len(value.items) <= only.value < len(value.items)
        ):
            return value.items[only.value]
        return join(value.items) or UNKNOWN
    if isinstance(value, Table):
        return (
            join(held for name, held in value.items if any(containers.fits(name, wanted) for wanted in key)) or UNKNOWN
        )
    if isinstance(value, Settings):
        only = next(iter(key)) if len(key) == 1 else None
        return dict(value.items).get(str(only.value), UNKNOWN) if isinstance(only, Const) else UNKNOWN
    if isinstance(value, Layers):
        layer = frame.layer or (frame.receiver.of if isinstance(frame.receiver, Instance) else None)
        if layer is not None and Instance(layer) in walker.registered:
            return frozenset({Instance(layer)})
        return frozenset(walker.registered) or UNKNOWN
    return frozenset({value}) if isinstance(value, TreeClass) else UNKNOWN


def _row(walker: Walker, node: ast.Tuple, frame: Frame) -> Values:
    parts = [evaluate(walker, item, frame) for item in node.elts]
    if any(isinstance(item, ast.Starred) for item in node.elts):
        return frozenset({Elements(join(parts))})
    return frozenset({Row(tuple(parts))})


def _list(walker: Walker, node: ast.List | ast.Set, frame: Frame) -> Values:
    return frozenset({Elements(join(evaluate(walker, item, frame) for item in node.elts))})


def _starred(walker: Walker, node: ast.Starred, frame: Frame) -> Values:
    return containers.elements(evaluate(walker, node.value, frame))


def _dict(walker: Walker, node: ast.Dict, frame: Frame) -> Values:
    pairs = [
        (None if key is None else evaluate(walker, key, frame), evaluate(walker, value, frame))
        for key, value in zip(node.keys, node.values)
    ]
    items = []
    for key, value in pairs:
        only = next(iter(key)) if key is not None and len(key) == 1 else None
        if not isinstance(only, Const | Row):
            return frozenset({Elements(join(containers.elements(v) if k is None else v for k, v in pairs))})
        items.append((only, value))
    return frozenset({Table(tuple(items))})


def _comprehension(walker: Walker, node: Any, frame: Frame) -> Values:
    inner = Frame(frame.module, {}, frame, frame.function, frame.receiver, frame.owner, frame.layer)
    for generator in node.generators:
        statements.assign(walker, generator.target, containers.elements(evaluate(walker, generator.iter, inner)), inner)
        for test in generator.ifs:
            evaluate(walker, test, inner)
    if isinstance(node, ast.DictComp):
        evaluate(walker, node.key, inner)
        return frozenset({Elements(evaluate(walker, node.value, inner))})
    return frozenset({Elements(evaluate(walker, node.elt, inner))})


def _lambda(walker: Walker, node: ast.Lambda, frame: Frame) -> Values:
    return frozenset({Function(frame.module, node, None, frame)})


def _sum(walker: Walker, node: ast.BinOp, frame: Frame) -> Values:
    both = evaluate(walker, node.left, frame) | evaluate(walker, node.right, frame)
    held = [value for value in both if isinstance(value, Elements | Row)]
    if held and isinstance(node.op, ast.Add | ast.Mult):
        return frozenset({Elements(join(containers.elements(frozenset({value})) for value in held))})
    return UNKNOWN


def _walrus(walker: Walker, node: ast.NamedExpr, frame: Frame) -> Values:
    found = evaluate(walker, node.value, frame)
    statements.assign(walker, node.target, found, frame)
    return found


def _inner(walker: Walker, node: Any, frame: Frame) -> Values:
    return evaluate(walker, node.value, frame) if node.value is not None else NONE


def _yield(walker: Walker, node: Any, frame: Frame) -> Values:
    if node.value is not None:
        found = evaluate(walker, node.value, frame)
        frame.returned.add(Elements(found if isinstance(node, ast.Yield) else containers.elements(found)))
    return UNKNOWN


_RULES: dict[type[ast.AST], Callable[[Walker, Any, Frame], Values]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.IfExp: _conditional,
    ast.BoolOp: _either,
    ast.UnaryOp: _not,
    ast.Compare: _compare,
    ast.Subscript: _subscript,
    ast.Tuple: _row,
    ast.List: _list,
    ast.Set: _list,
    ast.Starred: _starred,
    ast.Dict: _dict,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Lambda: _lambda,
    ast.BinOp: _sum,
    ast.NamedExpr: _walrus,
    ast.Await: _inner,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
}
