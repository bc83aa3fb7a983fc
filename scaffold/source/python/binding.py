"""Arguments of a call bound to the parameters of a function, as Python does it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Binding:
    """What each parameter gets, and what does not fit."""

    values: dict[str, Any]
    """Of the parameters that were given something, and of ``*args`` and ``**kwargs``."""
    defaults: dict[str, ast.expr]
    """Of the parameters that were given nothing."""
    missing: tuple[str, ...]
    """Parameters without an argument and without a default."""
    unexpected: tuple[str, ...]
    """Names of arguments that no parameter takes."""
    surplus: int
    """Number of positional arguments that no parameter takes."""


def bind(parameters: ast.arguments, positional: Sequence[Any], named: Mapping[str, Any]) -> Binding:
    """Bind arguments to parameters; a parameter that is given twice keeps what was given by name."""
    in_order = [parameter.arg for parameter in (*parameters.posonlyargs, *parameters.args)]
    known = [*in_order, *(parameter.arg for parameter in parameters.kwonlyargs)]
    values = dict(zip(in_order, positional)) | {name: named[name] for name in known if name in named}
    rest = {name: value for name, value in named.items() if name not in known}
    surplus = positional[len(in_order) :]
    if parameters.vararg:
        values[parameters.vararg.arg] = tuple(surplus)
    if parameters.kwarg:
        values[parameters.kwarg.arg] = rest
    defaults = {name: default for name, default in _defaults(parameters, in_order).items() if name not in values}
    return Binding(
        values,
        defaults,
        missing=tuple(name for name in known if name not in values and name not in defaults),
        unexpected=() if parameters.kwarg else tuple(rest),
        surplus=0 if parameters.vararg else len(surplus),
    )


def _defaults(parameters: ast.arguments, in_order: list[str]) -> dict[str, ast.expr]:
    found = dict(zip(in_order[len(in_order) - len(parameters.defaults) :], parameters.defaults))
    for parameter, default in zip(parameters.kwonlyargs, parameters.kw_defaults):
        if default is not None:
            found[parameter.arg] = default
    return found
