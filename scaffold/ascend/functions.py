"""A function that is called: what it is given, whether it is followed, what it returns."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from scaffold.ascend import (
    expressions,
    names,
    statements,
)
from scaffold.ascend.frames import Context, Frame, Step
from scaffold.ascend.tables import (
    CONFIG_GETTERS,
)
from scaffold.ascend.trees import Site
from scaffold.ascend.values import (
    NONE,
    NOTHING,
    UNKNOWN,
    Const,
    Elements,
    EngineConfig,
    Function,
    Instance,
    Row,
    Table,
    TreeClass,
    Value,
    Values,
    constant,
    join,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker

MOST_CONSTANTS = 4
"""How many constants an argument may have before only "unknown" is left of it."""
VERSION_TEST = "vllm_version_is"
"""How vllm-ascend asks which vLLM it runs with (vllm_ascend/utils.py)."""
RESOLVER = "vllm.utils.import_utils.resolve_obj_by_qualname"

Arguments = dict[str, Values]


def invoke(
    walker: Walker,
    function: Function,
    receiver: Value | None,
    given: list[Values],
    named: Arguments,
    site: Site,
    frame: Frame,
    spread: bool = False,
    layer: TreeClass | None = None,
) -> Values:
    """Follow a function with these arguments; return what it may return."""
    module = function.module
    known = _known(walker, function, given)
    if known is not None:
        return known
    if layer is None and module.asks_for_layers and not isinstance(receiver, Instance):
        layer = frame.layer or (frame.receiver.of if isinstance(frame.receiver, Instance) else None)
    _providers(walker, function, given, named, site, frame)
    arguments = _bind(walker, function, receiver, given, named, spread)
    key = (function.node, function.outer, receiver, layer)
    context = walker.contexts.setdefault(key, Context({}))
    grown = widen(context.given, arguments)
    in_building = isinstance(receiver, Instance) and receiver.of in walker.building
    condition = _of_class(walker, receiver, frame)
    with walker.under(condition):
        certain = not walker.conditions
        done = not grown and context.returned and (context.certain or not certain) and not in_building
        if context.busy or done or walker.is_deep():
            return context.returned or UNKNOWN
        context.busy, context.certain = True, context.certain or certain
        inner = Frame(
            module, dict(context.given), function.outer, function, receiver or _outer_receiver(function), None, layer
        )
        inner.owner = function.owner or (function.outer.owner if function.outer is not None else None)
        of = receiver.of if isinstance(receiver, Instance) else receiver if isinstance(receiver, TreeClass) else None
        shown = function.name if of is None or function.owner is of else f"{of.name} ({function.name})"
        walker.stack.append(Step(shown, site, function, of))
        walker.found.functions.add((function.node, of))
        walker.found.modules[module.name] = None
        if isinstance(function.node, ast.Lambda):
            inner.returned |= expressions.evaluate(walker, function.node.body, inner)
        elif not statements.run(walker, function.node.body, inner):
            inner.returned |= NONE if not inner.returned else NOTHING
        walker.stack.pop()
        context.busy = False
        context.returned |= frozenset(inner.returned)
    return context.returned or UNKNOWN


def _providers(
    walker: Walker, function: Function, given: list[Values], named: Arguments, site: Site, frame: Frame
) -> None:
    """Follow what vLLM has in the place of an operator of its own, where the platform does not keep to PyTorch.

    `Platform.get_default_ir_op_priority` (vllm/platforms/interface.py) puts the PyTorch code first, CUDA's last.
    """
    if walker.facts.replaces or not function.module.name.startswith("vllm.ir.ops"):
        return
    for module, name in walker.trees.providers(function.name):
        for value in names.member(walker, module, name):
            if isinstance(value, Function):
                invoke(walker, value, None, given, named, site, frame)


def _outer_receiver(function: Function) -> Value | None:
    return function.outer.receiver if function.outer is not None else None


def _of_class(walker: Walker, receiver: Value | None, frame: Frame) -> tuple[str, Site] | None:
    """Return the condition under which the object is there, if it is another one than that of the caller."""
    if isinstance(receiver, Instance) and receiver != frame.receiver:
        return walker.uncertain.get(receiver.of)
    return None


def _known(walker: Walker, function: Function, given: list[Values]) -> Values | None:
    """Return what a function gives that is not followed."""
    module = function.module.name
    full = f"{module}.{function.name}"
    strings = [v.value for v in (given[0] if given else NOTHING) if isinstance(v, Const) and isinstance(v.value, str)]
    if full in walker.answers:
        return walker.answers[full]
    if function.name == VERSION_TEST and strings and walker.version:
        return constant(strings == [walker.version])
    if full == RESOLVER:
        return join(names.member(walker, *text.rsplit(".", 1)) for text in strings if "." in text) or UNKNOWN
    if function.name in CONFIG_GETTERS:
        return frozenset({EngineConfig()})
    return UNKNOWN if walker.is_leaf(module) else None


def _bind(
    walker: Walker,
    function: Function,
    receiver: Value | None,
    given: list[Values],
    named: Arguments,
    spread: bool,
) -> Arguments:
    arguments = function.node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    bound: Arguments = {}
    if receiver is not None and plain:
        bound[plain[0].arg] = frozenset({receiver})
        plain = plain[1:]
    for argument, values in zip(plain, given):
        bound[argument.arg] = values
    if arguments.vararg is not None:
        bound[arguments.vararg.arg] = frozenset({Elements(join(given[len(plain) :]))})
    taken = {argument.arg for argument in (*plain, *arguments.kwonlyargs)}
    bound |= {name: values for name, values in named.items() if name in taken}
    if arguments.kwarg is not None:
        rest = tuple((Const(name, "str"), values) for name, values in named.items() if name not in taken)
        bound[arguments.kwarg.arg] = frozenset({Table(rest)}) if not spread else UNKNOWN
    defaults = dict(zip([argument.arg for argument in plain][::-1], arguments.defaults[::-1]))
    defaults |= {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d is not None}
    home = function.outer or Frame(function.module)
    for name in taken - set(bound):
        default = defaults.get(name)
        found = UNKNOWN if default is None or spread else expressions.evaluate(walker, default, home)
        bound[name] = found
    return bound


def widen(known: Arguments, given: Arguments) -> bool:
    """Add what arguments may be; return whether that is more than was known."""
    grown = False
    for name, values in given.items():
        both = known.get(name, NOTHING) | values
        constants = [value for value in both if isinstance(value, Const | Row)]
        if len(constants) > MOST_CONSTANTS:
            both = frozenset(value for value in both if not isinstance(value, Const | Row)) | UNKNOWN
        if both != known.get(name):
            known[name] = both
            grown = True
    return grown
