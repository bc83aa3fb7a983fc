"""Calls of what lies outside of the trees: kernels of other packages, and helpers that pass on what they are given."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

from scaffold.ascend import (
    attributes,
    calls,
    classes,
    containers,
    expressions,
    names,
    statements,
)
from scaffold.ascend.frames import Frame
from scaffold.ascend.tables import (
    ASCEND_OPERATOR,
    ASCEND_PACKAGES,
    CONTAINERS,
    CUDA_PACKAGES,
    GROUPS,
    GROWS,
    JIT_PACKAGES,
    KEEPERS,
    LANGUAGES,
    PROBES,
    TAKES,
)
from scaffold.ascend.trees import Site
from scaffold.ascend.values import (
    FALSE,
    NONE,
    NOTHING,
    TRUE,
    UNKNOWN,
    Const,
    Elements,
    EngineConfig,
    External,
    Function,
    Instance,
    ModuleRef,
    Row,
    Settings,
    Table,
    TreeClass,
    Values,
    join,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker


def method(walker: Walker, node: ast.Call, receivers: Values, frame: Frame) -> Values | None:
    """Follow a method of a list, dict or config; None if the receiver is none of these."""
    assert isinstance(node.func, ast.Attribute)
    held = [value for value in receivers if isinstance(value, Elements | Row | Table | Settings)]
    if not held or node.func.attr not in (*GROWS, *TAKES):
        return None
    given = [expressions.evaluate(walker, argument, frame) for argument in node.args]
    if node.func.attr in GROWS:
        added = join(containers.elements(values) | values for values in given)
        statements.put_in(walker, node.func.value, added, frame)
        return UNKNOWN
    first = held[0]
    if isinstance(first, Settings) and node.func.attr == "get":
        return _setting(first, given)
    inside = join(_values(value) for value in held) or UNKNOWN
    if node.func.attr == "get" and isinstance(first, Table) and given:
        inside = (
            join(v for key, v in first.items if any(containers.fits(key, wanted) for wanted in given[0])) or UNKNOWN
        )
    if node.func.attr in ("get", "pop"):
        return inside | (given[1] if len(given) > 1 else UNKNOWN)
    if node.func.attr == "items":
        if isinstance(first, Table) and len(held) == 1:
            return frozenset({Row(tuple(frozenset({Row((frozenset({key}), value))}) for key, value in first.items))})
        return frozenset({Elements(frozenset({Row((UNKNOWN, inside))}))})
    return frozenset({Elements(inside)})


def _values(value: object) -> Values:
    if isinstance(value, Table):
        return join(held for _, held in value.items)
    return containers.elements(frozenset({value})) if isinstance(value, Elements | Row) else UNKNOWN


def _setting(settings: Settings, given: list[Values]) -> Values:
    key = next(iter(given[0]), None) if given else None
    known = dict(settings.items).get(str(key.value)) if isinstance(key, Const) else None
    if known is not None:
        return known
    if settings.whole and isinstance(key, Const):
        return given[1] if len(given) > 1 else NONE
    return UNKNOWN | (given[1] if len(given) > 1 else NOTHING)


def function(
    walker: Walker,
    node: ast.Call,
    callee: Iterable[External],
    given: list[Values],
    named: dict[str, Values],
    frame: Frame,
) -> Values:
    """Follow a call of names outside of the trees."""
    site = frame.module.site(node)
    return join(_function(walker, node, value.name, given, named, frame, site) for value in callee) or UNKNOWN


def _function(
    walker: Walker, node: ast.Call, name: str, given: list[Values], named: dict[str, Values], frame: Frame, site: Site
) -> Values:
    package, last = name.split(".")[0], name.split(".")[-1]
    if package == "<aiter>":
        return FALSE if last.startswith(PROBES) else UNKNOWN
    if package == "<probe>":
        return UNKNOWN if walker.facts.probes is None else TRUE if walker.facts.probes else FALSE
    if name in GROUPS:
        return frozenset({EngineConfig((GROUPS[name],))})
    kernel = _kernel(package, name, frame)
    if kernel is not None:
        walker.reach(*kernel, site)
        return UNKNOWN
    if package == "builtins" and last in _BUILTINS:
        return _builtin(walker, last, given, frame, node)
    if name == "importlib.import_module":
        return join(names.whole_module(walker, value) for value in _strings(given[:1])) or UNKNOWN
    if last == "map" and given:
        inside = [containers.elements(values) for values in given[1:]]
        return frozenset({Elements(calls.call(walker, given[0], inside, {}, site, frame))})
    return _passed_on(last, given, named)


def _kernel(package: str, name: str, frame: Frame) -> tuple[str, str] | None:
    """Return kind and name of the kernel that a function of another package is."""
    if package in ASCEND_PACKAGES:
        return ASCEND_OPERATOR, name
    if package in LANGUAGES:
        return package, f"{package} in {frame.module.name.rsplit('.', 1)[-1]}"
    if package in CUDA_PACKAGES:
        return package, name
    return (JIT_PACKAGES["triton"], name) if package == "triton_kernels" else None


def _passed_on(last: str, given: list[Values], named: dict[str, Values]) -> Values:
    """Return what a helper gives back of what it is given."""
    if last == "enumerate" and given:
        return frozenset({Elements(frozenset({Row((UNKNOWN, containers.elements(given[0])))}))})
    if last == "zip":
        return frozenset({Elements(frozenset({Row(tuple(containers.elements(values) for values in given))}))})
    if last == "cast" and len(given) == 2:
        return given[1]
    if last in CONTAINERS:
        return _container(last, given, named)
    return given[0] if last in KEEPERS and given else UNKNOWN


def _container(last: str, given: list[Values], named: dict[str, Values]) -> Values:
    held = join(containers.elements(values) for values in given)
    if last in ("next", "min", "max"):
        return held or UNKNOWN
    if last in ("dict", "ModuleDict", "OrderedDict"):
        tables = [value for values in given for value in values if isinstance(value, Table)]
        held = join([*(v for table in tables for _, v in table.items), *named.values()]) or held
    if last in ("copy", "deepcopy") and given:
        return given[0]
    rows = [value for values in given for value in values if isinstance(value, Row)]
    if last in ("list", "tuple", "sorted", "reversed", "iter") and len(rows) == 1 and len(given[0]) == 1:
        return frozenset({rows[0]})
    return frozenset({Elements(held)})


def _strings(given: list[Values]) -> list[str]:
    return [
        value.value for values in given for value in values if isinstance(value, Const) and isinstance(value.value, str)
    ]


_BUILTINS = ("getattr", "hasattr", "setattr", "type", "super", "callable", "isinstance", "issubclass", "len", "bool")


def _builtin(walker: Walker, name: str, given: list[Values], frame: Frame, node: ast.Call) -> Values:
    if name == "getattr" and len(given) >= 2:
        keys = _strings(given[1:2])
        if not keys:
            walker.lost(node, "a name that is put together at run time", frame)
            return UNKNOWN
        found = join(attributes.attribute(walker, given[0], key, frame) for key in keys)
        if len(given) > 2 and len(keys) == 1 and all(classes.lacks(walker, value, keys[0]) for value in given[0]):
            return given[2]
        missing = any(not isinstance(value, ModuleRef | TreeClass) for value in given[0])
        return found | (given[2] if len(given) > 2 and missing and found == UNKNOWN else NOTHING)
    if name == "setattr" and len(given) == 3:
        for key in _strings(given[1:2]):
            statements.set_attribute(walker, given[0], key, given[2], frame, node)
    elif name == "hasattr" and len(given) == 2:
        return _has(walker, given[0], _strings(given[1:2]))
    elif name == "type" and len(given) == 1:
        return frozenset(value.of for value in given[0] if isinstance(value, Instance)) or UNKNOWN
    elif name == "callable":
        return TRUE if all(isinstance(value, Function | TreeClass) for value in given[0]) else UNKNOWN
    return UNKNOWN


def _has(walker: Walker, receivers: Values, keys: list[str]) -> Values:
    only = next(iter(receivers), None) if len(receivers) == 1 else None
    if len(keys) != 1:
        return UNKNOWN
    if isinstance(only, Settings) and keys[0] in dict(only.items):
        return TRUE
    if isinstance(only, TreeClass | Instance):
        of = only.of if isinstance(only, Instance) else only
        return TRUE if classes.of_class(walker, of, keys[0])[0] else UNKNOWN
    return UNKNOWN
