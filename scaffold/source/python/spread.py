"""Containers whose entries are put into others: ``[first, *rest]``, ``call(*args, **kwargs)``, ``first, *rest = …``.

What is made of Python's own containers is made of what they are at the checkpoint's sizes, too.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from functools import partial
from itertools import chain
from typing import Any

from scaffold.source.python.protocol import Interpreter
from scaffold.source.python.shadows import Unknown, is_number, unknown


def as_list(*parts: Iterable[Any] | Unknown) -> list[Any] | Unknown:
    """Return the entries of all parts, as far as they are known."""
    known = [part for part in parts if not isinstance(part, Unknown)]
    return list(chain(*known)) if len(known) == len(parts) else _as_long(parts)


def as_tuple(*parts: Iterable[Any] | Unknown) -> tuple[Any, ...] | Unknown:
    """Return the entries of all parts, as far as they are known."""
    found = as_list(*parts)
    return found if isinstance(found, Unknown) else tuple(found)


def _as_long(parts: Iterable[Any]) -> Unknown:
    """Return what has as many entries as all parts together."""
    lengths = [part.length if isinstance(part, Unknown) else len(part) for part in parts]
    known = [one for one in lengths if one is not None]
    return Unknown(sum(known) if len(known) == len(lengths) else None)


def as_dict(*parts: dict[Any, Any] | Unknown) -> dict[Any, Any] | Unknown:
    """Return one dictionary of all, in which the last one with a key gives its value."""
    found: dict[Any, Any] = {}
    for part in parts:
        if isinstance(part, Unknown):
            return Unknown(None)
        found.update(part)
    return found


def rest_of(values: Iterable[Any], *, before: int, after: int) -> list[Any]:
    """Return what is left of values without some at both ends."""
    found = list(values)
    return found[before : len(found) - after]


def from_the(number: int, arguments: Iterable[Any]) -> tuple[Any, ...]:
    """Return the arguments that ``*args`` takes, from a number on."""
    return tuple(arguments)[number:]


def without(names: Iterable[str], arguments: dict[str, Any] | Unknown) -> dict[str, Any] | Unknown:
    """Return the arguments that ``**kwargs`` takes: those of other names."""
    if isinstance(arguments, Unknown):
        return Unknown(None)
    return {name: value for name, value in arguments.items() if name not in names}


def are_taken(number: int, found: int, arguments: int) -> bool:
    """Return whether of all arguments so many are found by parameters that are as many as the first number."""
    return min(number, arguments) == found


def are_named(names: Iterable[str], found: Collection[str], arguments: Collection[str]) -> bool:
    """Return whether arguments have these of some names, and no others of them."""
    return {name for name in names if name in arguments} == set(found)


def handed_on(run: Interpreter, parameters: ast.arguments, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return what ``*args`` and ``**kwargs`` of a function take, with what they take for the checkpoint.

    That parameters with a default are given another number of arguments there is a choice.

    Args:
        run: what asks.
        parameters: of the function.
        args: what it is called with.
        kwargs: what it is called with, by name.
    """
    found: dict[str, Any] = {}
    in_order = [one.arg for one in (*parameters.posonlyargs, *parameters.args)]
    known = [*in_order, *(one.arg for one in parameters.kwonlyargs)]
    if run.turns(args) is not None:
        number, taken = run.derived(len, (args,), len(args)), min(len(args), len(in_order))
        run.derived(partial(are_taken, len(in_order), taken), (number,), True)
        if parameters.vararg:
            rest = partial(from_the, len(in_order))
            found[parameters.vararg.arg] = run.derived(rest, (args,), rest(args))
    if run.turns(kwargs) is not None or any(type(name) is not str for name in kwargs):
        names, taken_names = run.derived(list, (kwargs,), list(kwargs)), [name for name in known if name in kwargs]
        run.derived(partial(are_named, known, taken_names), (names,), True)
        if parameters.kwarg:
            others = partial(without, known)
            found[parameters.kwarg.arg] = run.derived(others, (kwargs,), others(kwargs))
    return found


def answered(run: Interpreter, args: list[Any], kwargs: dict[str, Any], result: Any) -> Any:
    """Return what a function of a library came to, which is another number for other arguments of the checkpoint."""
    other = next((given for given in (args, kwargs) if run.turns(given) is not None), None)
    if other is None:
        return result
    if is_number(result):
        return unknown(result)
    return run.counted(other, result, regular=False) if isinstance(result, (list, tuple, set, dict)) else result
