"""What a call leads to: a function that is followed, a class that is built, a kernel, or something outside."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from scaffold.ascend import (
    attributes,
    classes,
    expressions,
    functions,
    names,
    objects,
    outside,
)
from scaffold.ascend.frames import Frame, NotFollowed
from scaffold.ascend.tables import (
    ASCEND_NAMESPACES,
    ASCEND_OPERATOR,
    JIT_PACKAGES,
    MODULE_METHODS,
    OPERATOR,
    OWN_NAMESPACES,
    TORCH_NAMESPACES,
)
from scaffold.ascend.trees import Site
from scaffold.ascend.values import (
    NOTHING,
    UNKNOWN,
    Bound,
    Const,
    External,
    Function,
    Instance,
    Platform,
    Super,
    Table,
    TorchOperator,
    TreeClass,
    TritonKernel,
    Unknown,
    Value,
    Values,
    constant,
    join,
    ordered,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker

CHOOSES_BACKEND = "get_attn_backend_cls"
"""The platform's method that names the class of the attention backend."""

Arguments = dict[str, Values]


def of_node(walker: Walker, node: ast.Call, frame: Frame) -> Values:
    """Follow a call as it is written."""
    site = frame.module.site(node)
    if isinstance(node.func, ast.Subscript):
        launched = _launch(walker, node, frame, site)
        if launched:
            _arguments(walker, node, frame)
            return UNKNOWN
    if isinstance(node.func, ast.Name) and node.func.id == "super" and frame.owner is not None:
        return frozenset({Super(frame.receiver or Unknown(), frame.owner)})
    if isinstance(node.func, ast.Attribute):
        receivers = expressions.evaluate(walker, node.func.value, frame)
        done = outside.method(walker, node, receivers, frame)
        if done is not None:
            return done
        callee = expressions.attribute_of(walker, node.func, receivers, frame)
    else:
        callee = expressions.evaluate(walker, node.func, frame)
    given, named, spread = _arguments(walker, node, frame)
    far = [value for value in ordered(callee) if isinstance(value, External)]
    near = callee.difference(far)
    found = outside.function(walker, node, far, given, named, frame) if far else NOTHING
    if not near:
        return found or UNKNOWN
    _tell_lost(walker, node, near, frame)
    return found | call(walker, near, given, named, site, frame, spread)


def _launch(walker: Walker, node: ast.Call, frame: Frame, site: Site) -> bool:
    """Note ``kernel[grid](…)``; return whether it is one."""
    assert isinstance(node.func, ast.Subscript)
    found = expressions.evaluate(walker, node.func.value, frame)
    kernels = [value for value in ordered(found) if isinstance(value, TritonKernel)]
    for kernel in kernels:
        walker.reach(JIT_PACKAGES[kernel.package], kernel.function.name, site)
    return bool(kernels)


def _arguments(walker: Walker, node: ast.Call, frame: Frame) -> tuple[list[Values], Arguments, bool]:
    given = [expressions.evaluate(walker, argument, frame) for argument in node.args]
    named = {item.arg: expressions.evaluate(walker, item.value, frame) for item in node.keywords if item.arg}
    spread = any(isinstance(argument, ast.Starred) for argument in node.args)
    for item in node.keywords:
        if item.arg is None:
            known = _named(expressions.evaluate(walker, item.value, frame))
            named |= known or {}
            spread = spread or known is None
    return given, named, spread


def _named(values: Values) -> Arguments | None:
    """Return the keywords that ``**`` spreads; None if they are not known."""
    only = next(iter(values)) if len(values) == 1 else None
    if not isinstance(only, Table):
        return None
    return {str(key.value): held for key, held in only.items if isinstance(key, Const)}


def _tell_lost(walker: Walker, node: ast.Call, callee: Values, frame: Frame) -> None:
    """Note a call of something that is stored or given, and of which nothing is known."""
    what = next((value.what for value in callee if isinstance(value, Unknown) and value.is_told), "")
    if not what and any(not isinstance(value, Unknown) for value in callee):
        return
    if what:
        walker.lost(node.func, what, frame)
    elif isinstance(node.func, ast.Name) and node.func.id in frame.names:
        walker.lost(node.func, "a function that is given or chosen at run time", frame)
    elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        own = node.func.value.id == "self" and isinstance(frame.receiver, Instance)
        if own and node.func.attr not in MODULE_METHODS:
            assert isinstance(frame.receiver, Instance)
            walker.lost(node.func, f"an attribute that {frame.receiver.of.name} is given at run time", frame)


def call(
    walker: Walker,
    callee: Values,
    given: list[Values],
    named: Arguments,
    site: Site,
    frame: Frame,
    spread: bool = False,
) -> Values:
    """Follow a call of any of these values; return what it may give."""
    several = sum(isinstance(value, Function | Bound | TreeClass) for value in callee) > 1
    found = []
    for value in ordered(callee):
        functions = isinstance(value, Function | Bound) and several
        with walker.under(("one of several functions", site) if functions else None):
            found.append(_call(walker, value, given, named, site, frame, spread))
    return join(found) or UNKNOWN


def _call(
    walker: Walker, value: Value, given: list[Values], named: Arguments, site: Site, frame: Frame, spread: bool
) -> Values:
    if isinstance(value, Bound):
        return functions.invoke(walker, value.function, value.receiver, given, named, site, frame, spread)
    if isinstance(value, Function):
        receiver = None
        first = next(iter(given[0])) if given and len(given[0]) == 1 else None
        if value.owner is not None and isinstance(first, Instance | TreeClass) and _takes_self(value):
            return functions.invoke(walker, value, first, given[1:], named, site, frame, spread)
        return functions.invoke(walker, value, receiver, given, named, site, frame, spread)
    if isinstance(value, TreeClass):
        return objects.build(walker, value, given, named, site, frame, spread)
    if isinstance(value, Instance):
        for name in ("__call__", "forward"):
            method, _ = classes.of_class(walker, value.of, name)
            if isinstance(method, Function):
                bound = attributes.attribute(walker, frozenset({value}), name, frame)
                return call(walker, bound, given, named, site, frame, spread)
        return UNKNOWN
    if isinstance(value, TorchOperator):
        return _operator(walker, value, given, named, site, frame)
    if isinstance(value, Platform) and value.name:
        return _platform(walker, value.name, given, named, site, frame)
    return UNKNOWN


def _takes_self(function: Function) -> bool:
    arguments = function.node.args.args
    return bool(arguments) and arguments[0].arg in ("self", "cls", "ctx")


def _operator(
    walker: Walker, value: TorchOperator, given: list[Values], named: Arguments, site: Site, frame: Frame
) -> Values:
    if value.namespace in ASCEND_NAMESPACES:
        walker.reach(ASCEND_OPERATOR, f"{value.namespace}.{value.name}", site)
    elif value.namespace not in (*OWN_NAMESPACES, *TORCH_NAMESPACES):
        walker.reach(OPERATOR, f"{value.namespace}.{value.name}", site)
    if value.namespace not in OWN_NAMESPACES:
        return UNKNOWN
    layer = frame.receiver.of if isinstance(frame.receiver, Instance) else frame.layer
    for module in walker.trees.operator_modules(value.name):
        function = _registered(walker, module, value.name)
        if function is not None:
            return functions.invoke(walker, function, None, given, named, site, frame, layer=layer)
    walker.found.not_followed.setdefault(
        site, NotFollowed(f"torch.ops.{value.namespace}.{value.name}", "no module of the trees registers it", site)
    )
    return UNKNOWN


def _registered(walker: Walker, module: str, name: str) -> Function | None:
    """Return the function that a module registers as an operator."""
    parsed = walker.trees.module(module)
    for node in ast.walk(parsed.head) if parsed is not None else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("direct_register_custom_op"):
            by_name = {item.arg: item.value for item in node.keywords}
            held = [*node.args, *(by_name[key] for key in ("op_name", "op_func") if key in by_name)]
            if len(held) >= 2 and isinstance(held[0], ast.Constant) and held[0].value == name:
                assert parsed is not None
                found = expressions.evaluate(walker, held[1], Frame(parsed))
                return next((value for value in found if isinstance(value, Function)), None)
    return None


def _platform(walker: Walker, name: str, given: list[Values], named: Arguments, site: Site, frame: Frame) -> Values:
    if name in walker.facts.answers:
        answer = walker.facts.answers[name]
        return UNKNOWN if answer is None else constant(answer)
    module, cls = walker.facts.implementation
    for value in names.member(walker, module, cls) if module and walker.trees.has(module) else NOTHING:
        if isinstance(value, TreeClass):
            found = attributes.attribute(walker, frozenset({value}), name, frame)
            given_back = call(walker, found, given, named, site, frame)
            if name == CHOOSES_BACKEND:
                method = next((v.function for v in found if isinstance(v, Bound)), None)
                at = site if method is None else method.module.site(method.node)
                chosen = [v.value for v in given_back if isinstance(v, Const)]
                walker.found.backends |= {text: at for text in chosen if isinstance(text, str)}
            return given_back
    return UNKNOWN
