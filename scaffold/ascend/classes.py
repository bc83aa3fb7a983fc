"""Classes of the trees: their bases, and what they have under a name; patches first."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from scaffold.ascend import (
    expressions,
    names,
)
from scaffold.ascend.frames import Frame
from scaffold.ascend.trees import Module
from scaffold.ascend.values import (
    NOTHING,
    Function,
    Instance,
    TreeClass,
    Unknown,
    Value,
    Values,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker


def tree_class(module: Module, node: ast.ClassDef) -> TreeClass:
    """Return the class that a definition makes; the same for the same definition."""
    found = module.classes.setdefault(node, TreeClass(module, node))
    assert isinstance(found, TreeClass)
    return found


def mro(walker: Walker, cls: TreeClass) -> tuple[Value, ...]:
    """Return a class and its bases in the order in which names are looked up; bases outside of the trees as well."""
    return walker.once(("mro", cls), lambda: _mro(walker, cls), (cls,))


def _mro(walker: Walker, cls: TreeClass) -> tuple[Value, ...]:
    order: list[Value] = []
    for base in cls.node.bases:
        for value in list(expressions.evaluate(walker, base, Frame(cls.module)))[:1]:
            order += mro(walker, value) if isinstance(value, TreeClass) else [value]
    last = {value: number for number, value in enumerate(order)}
    return (cls, *(value for number, value in enumerate(order) if last[value] == number))


def is_a(walker: Walker, cls: TreeClass, *wanted: str) -> bool:
    """Return whether a class of one of these names is among its bases."""
    return any(isinstance(base, TreeClass) and base.name in wanted for base in mro(walker, cls))


def of_class(walker: Walker, cls: TreeClass, name: str, after: TreeClass | None = None) -> tuple[Value | Values, Value]:
    """Return what a class or one of its bases has under a name, and which one.

    A function is given as it is, everything else as what it may be; nothing if no class has the name.
    """
    order = mro(walker, cls)
    if after is not None and after in order:
        order = order[order.index(after) + 1 :]
    for base in order:
        if not isinstance(base, TreeClass):
            continue
        patch = walker.patches.get((base.module.name, base.name, name))
        if patch is not None:
            walker.found.patches_used[patch.key] = None
            found = next(iter(patch.values), Unknown())
            return (found if isinstance(found, Function) else patch.values), base
        node = walker.once(("body", base.node), partial(_body, base)).get(name)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return _method(walker, base, node), base
        if isinstance(node, ast.ClassDef):
            return frozenset({tree_class(base.module, node)}), base
        if isinstance(node, ast.expr):
            return expressions.evaluate(walker, node, Frame(base.module)), base
    return NOTHING, cls


def _method(walker: Walker, cls: TreeClass, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Value:
    return walker.once(
        ("method", node), lambda: names.decorated(walker, Function(cls.module, node, cls), Frame(cls.module))
    )


def _body(cls: TreeClass) -> dict[str, ast.stmt | ast.expr]:
    found: dict[str, ast.stmt | ast.expr] = {}
    for node in cls.node.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            kinds = [] if isinstance(node, ast.ClassDef) else [ast.unparse(d) for d in node.decorator_list]
            if not any(kind.endswith((".setter", "overload")) for kind in kinds):
                found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
    return found


def fields(walker: Walker, cls: TreeClass) -> dict[str, tuple[ast.expr | None, Module]]:
    """Return the annotated fields of a class without ``__init__``, with their defaults."""
    found: dict[str, tuple[ast.expr | None, Module]] = {}
    for base in reversed(mro(walker, cls)):
        for node in base.node.body if isinstance(base, TreeClass) else ():
            if isinstance(base, TreeClass) and isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = (node.value, base.module)
    return found


def lacks(walker: Walker, value: Value, name: str) -> bool:
    """Return whether an object is known to have no such attribute: its class has nothing but the fields it lists."""
    if not isinstance(value, Instance) or isinstance(of_class(walker, value.of, "__init__")[0], Function):
        return False
    listed = fields(walker, value.of)
    return bool(listed) and name not in listed and not of_class(walker, value.of, name)[0]
