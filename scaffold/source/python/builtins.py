"""Python's builtins and what models take of its standard library, as a table of what source may call."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from types import BuiltinFunctionType, UnionType
from typing import Any

from scaffold.source.python import attributes, bounds, names
from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.library import Kind, Library, Meaning, computes, inert
from scaffold.source.python.objects import External, Function, Instance, Partial, SourceClass
from scaffold.source.python.protocol import Interpreter

Call = Callable[[Interpreter, Any, list[Any], dict[str, Any]], Any]
"""(run, function, args, kwargs); the arguments were measured, with all that is in them."""


def _as_it_is(interpreter: Interpreter, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


def _over_a_loop(interpreter: Interpreter, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return function(*(interpreter.iterate(value) for value in args[:1]), *args[1:], **kwargs)


def _sum(interpreter: Interpreter, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    items = list(interpreter.iterate(args[0]))
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    if isinstance(start, bounds.SEQUENCES):  # each step copies what was joined so far
        interpreter.spend(bounds.length(len(items) * bounds.walked((start, *items))))
    return sum(items, start)


def _round(interpreter: Interpreter, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    digits = args[1] if len(args) > 1 else kwargs.get("ndigits")
    if digits is not None and abs(int(digits)) > bounds.MAX_EXPONENT:
        raise NotUnderstood(f"a number rounded to {digits} digits")
    return round(*args, **kwargs)


CALLS: dict[str, Call] = {
    **dict.fromkeys(("abs", "all", "any", "bool", "dict", "divmod", "enumerate", "float", "int", "len"), _as_it_is),
    **dict.fromkeys(("max", "min", "object", "range", "reversed", "slice", "str", "zip"), _as_it_is),
    **dict.fromkeys(("list", "tuple", "sorted", "set"), _over_a_loop),
    "sum": _sum,
    "round": _round,
}
"""The host's functions that source may call. No other function in C is called, however source got hold of it."""
_ALLOWED: dict[Any, Call] = {getattr(builtins, name): call for name, call in CALLS.items()}


def _call(interpreter: Interpreter, function: Any, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
    if function not in _ALLOWED:
        raise NotUnderstood(f"a call of {function.__name__}", where)
    return _ALLOWED[function](interpreter, function, args, kwargs)


def _type_attribute(interpreter: Interpreter, value: type, name: str) -> Any:
    if value is dict and name == "fromkeys":
        return dict_of_keys
    raise Raised(f"the attribute {name!r} of {value.__name__}")


def dict_of_keys(keys: Any, value: Any = None) -> dict[Any, Any]:
    """Return ``dict.fromkeys(keys, value)``."""
    return dict.fromkeys(keys, value)


def is_instance(interpreter: Interpreter, value: Any, types: Any) -> bool:
    """Return ``isinstance(value, types)``; a value is not of a type of which nothing is known."""
    ancestry = value.cls.ancestry if isinstance(value, Instance) and value.cls is not None else ()
    for one in types if isinstance(types, tuple) else (types,):
        if isinstance(one, (type, UnionType)) and isinstance(value, one):
            return True
        if isinstance(one, (External, SourceClass)) and one in ancestry:
            return True
        if isinstance(one, External):
            known = (library.types.get(one.dotted) for library in interpreter.libraries)
            if any(kind is not None and isinstance(value, kind) for kind in known):
                return True
    return False


def get_attribute(interpreter: Interpreter, value: Any, name: str, *default: Any) -> Any:
    """Return ``getattr(value, name, default)``."""
    try:
        return interpreter.attribute(value, name)
    except Raised:
        if default:
            return default[0]
        raise


def _hasattr(interpreter: Interpreter, value: Any, name: str) -> bool:
    try:
        interpreter.attribute(value, name)
    except Raised:
        return False
    return True


def _callable(interpreter: Interpreter, value: Any) -> bool:
    return isinstance(value, (Function, SourceClass, External, Partial, Instance, type)) or callable(value)


def deep_copy(value: Any) -> Any:
    """Return a copy of containers, and of objects that say how they are copied; all else is as it is."""
    bounds.walked((value,))
    return _copied(value)


def _copied(value: Any) -> Any:
    if isinstance(value, Instance):
        return value.duplicate()
    if type(value) is dict:
        return {key: _copied(one) for key, one in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(_copied(one) for one in value)
    return value


def _decorator(interpreter: Interpreter, *args: Any, **_: Any) -> Any:
    """Return what a decorator that changes no value does, with arguments of its own or without."""
    if len(args) == 1 and isinstance(args[0], Function):
        return args[0]
    return lambda function: function


def _field(interpreter: Interpreter, default: Any = None, default_factory: Any = None, **_: Any) -> Any:
    return default if default_factory is None else interpreter.call(default_factory, [], {}, "")


NAMES: dict[str, Meaning] = {
    "isinstance": computes(is_instance),
    "getattr": computes(get_attribute),
    "hasattr": computes(_hasattr),
    "setattr": computes(lambda interpreter, value, name, new: interpreter.set_attribute(value, name, new)),
    "callable": computes(_callable),
    "cast": computes(lambda interpreter, kind, value: value),  # typing
    "copy": computes(lambda interpreter, value: deep_copy(value)),
    "deepcopy": computes(lambda interpreter, value: deep_copy(value)),
    "field": computes(_field),  # dataclasses
    "partial": computes(lambda interpreter, function, *args, **kwargs: Partial(function, args, kwargs)),  # functools
    "OrderedDict": computes(lambda interpreter, *args: dict(*args)),  # collections
    "UserDict": computes(lambda interpreter, *args: dict(*args)),
    "lru_cache": Meaning("inert", _decorator),
    "wraps": Meaning("inert", _decorator),
    "nullcontext": inert(),  # contextlib
    "warn": inert(),  # warnings
}
"""Builtins that look at objects, and helpers of the standard library, by the last part of their name."""

TYPES: dict[str, type | tuple[type, ...]] = {
    "collections.abc.Mapping": dict,
    "collections.abc.Iterable": (list, tuple, dict),
    "collections.abc.Sequence": (list, tuple),
}

LIBRARY = Library(
    builtins={name: getattr(builtins, name) for name in CALLS}
    | {"NotImplemented": NotImplemented, "print": lambda *_, **__: None},
    names=NAMES,
    types=TYPES,
    kinds=(
        *names.KINDS,
        *attributes.KINDS,
        Kind(type, attribute=_type_attribute),
        Kind((type, BuiltinFunctionType), call=_call),
    ),
)
"""The language's own library: the last that is asked."""
