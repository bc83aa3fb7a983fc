"""How objects are made: the class that is built, in whose place, with which attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaffold.ascend import (
    classes,
    expressions,
    functions,
)
from scaffold.ascend.frames import Context, Frame, Replacement
from scaffold.ascend.trees import Site
from scaffold.ascend.values import (
    NOTHING,
    UNKNOWN,
    Function,
    Instance,
    TreeClass,
    Values,
    join,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker

CUSTOM_OP = ("CustomOp", "PluggableLayer")
"""The classes whose subclasses ``register_oot`` replaces (vllm/model_executor/custom_op.py)."""

Arguments = dict[str, Values]


def build(
    walker: Walker,
    cls: TreeClass,
    given: list[Values],
    named: Arguments,
    site: Site,
    frame: Frame,
    spread: bool = False,
) -> Values:
    """Follow the making of an object; where an out-of-tree layer takes the class's place, of that layer."""
    found = []
    for chosen, condition in _chosen(walker, cls, site):
        with walker.under(condition):
            found.append(_build(walker, chosen, given, named, site, frame, spread))
    return join(found)


def _chosen(walker: Walker, cls: TreeClass, site: Site) -> list[tuple[TreeClass, tuple[str, Site] | None]]:
    registration = walker.layers.get(cls.name)
    if registration is None or registration.cls is cls or not classes.is_a(walker, cls, *CUSTOM_OP):
        return [(cls, None)]
    own, other = cls.module.site(cls.node), registration.cls.module.site(registration.cls.node)
    walker.found.built[cls] = Replacement(
        cls.name, registration.cls.name, own, other, "out-of-tree layer", registration.only_if
    )
    if registration.only_if:
        condition = (registration.only_if, registration.site)
        return [(registration.cls, condition), (cls, (f"not: {registration.only_if}", registration.site))]
    return [(registration.cls, None)]


def _build(
    walker: Walker, cls: TreeClass, given: list[Values], named: Arguments, site: Site, frame: Frame, spread: bool
) -> Values:
    made: Values = frozenset({Instance(cls)})
    key = ("build", cls)
    context = walker.contexts.setdefault(key, Context({}))
    grown = functions.widen(context.given, {str(n): v for n, v in enumerate(given)} | named)
    certain = not walker.conditions
    if context.busy or (not grown and (context.certain or not certain) and context.returned):
        return made
    context.busy, context.returned, context.certain = True, made, context.certain or certain
    walker.uncertain[cls] = None if context.certain else walker.conditions[-1]
    before = walker.building.get(cls)
    walker.building[cls] = {}
    initialise, _ = classes.of_class(walker, cls, "__init__")
    if isinstance(initialise, Function):
        functions.invoke(walker, initialise, Instance(cls), given, named, site, frame, spread)
    else:
        _fill(walker, cls, given, named)
    after, _ = classes.of_class(walker, cls, "__post_init__")
    if isinstance(after, Function):
        functions.invoke(walker, after, Instance(cls), [], {}, site, frame)
    held = walker.attributes.setdefault(cls, {})
    for name, values in walker.building.pop(cls).items():
        held[name] = held.get(name, NOTHING) | values
    if before is not None:
        walker.building[cls] = before
    context.busy = False
    return made


def _fill(walker: Walker, cls: TreeClass, given: list[Values], named: Arguments) -> None:
    """Give the fields of a dataclass or named tuple their values."""
    for number, (name, (default, module)) in enumerate(classes.fields(walker, cls).items()):
        if name in named:
            value = named[name]
        elif number < len(given):
            value = given[number]
        else:
            value = UNKNOWN if default is None else expressions.evaluate(walker, default, Frame(module))
        walker.building[cls][name] = value
