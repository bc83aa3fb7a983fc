"""Python's builtins and what models take of its standard library, as a table of what source may call."""

from __future__ import annotations

import ast
import builtins
import operator
import re
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType, UnionType
from typing import Any

from scaffold.source.python import attributes, bounds, named_tuples, names
from scaffold.source.python.attributes import kind_of
from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.library import Kind, Library, Meaning, computes, inert
from scaffold.source.python.named_tuples import NamedTuple
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


def _divided(interpreter: Interpreter, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return ``divmod(one, other)``."""
    both = zip((operator.floordiv, operator.mod), divmod(args[0], args[1]))
    return tuple(interpreter.derived(operation, args, result) for operation, result in both)


def _with_key(interpreter: Interpreter, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Call ``sorted``, ``max`` and ``min``, which call a function of the source for each element."""
    key = kwargs.get("key")
    if key is not None:
        kwargs = {**kwargs, "key": lambda value: interpreter.call(key, [value], {}, interpreter.where())}
    return function(*(interpreter.iterate(value) for value in args) if len(args) == 1 else args, **kwargs)


def _mapped(interpreter: Interpreter, function: Any, *loops: Any) -> list[Any]:
    """Return ``map(function, …)``, as a list."""
    rows = zip(*(interpreter.iterate(loop) for loop in loops))
    made = [interpreter.call(function, list(row), {}, interpreter.where()) for row in rows]
    return interpreter.counted(loops[0], made) if loops else made


def _filtered(interpreter: Interpreter, function: Any, loop: Any) -> list[Any]:
    """Return ``filter(function, …)``, as a list."""
    where = interpreter.where()

    def passes(value: Any) -> bool:
        found = value if function is None else interpreter.call(function, [value], {}, where)
        return bool(interpreter.derived(bool, (found,), bool(found)))

    kept = [value for value in interpreter.iterate(loop) if passes(value)]
    return interpreter.counted(loop, kept, regular=False)  # type: ignore[no-any-return]


def _next(interpreter: Interpreter, loop: Any, *default: Any) -> Any:
    """Return ``next(loop, default)`` of a loop that was not begun: its first element."""
    if isinstance(loop, (enumerate, zip, reversed)):
        return next(loop, *default)
    for value in interpreter.iterate(loop):
        return value
    if default:
        return default[0]
    raise Raised("StopIteration", kind="StopIteration")


def _is_subclass(interpreter: Interpreter, cls: Any, others: Any) -> bool:
    """Return ``issubclass(cls, others)`` of classes of the source and of names from outside."""
    ancestry = cls.ancestry if isinstance(cls, SourceClass) else (cls,)
    return any(one in ancestry for one in (others if isinstance(others, tuple) else (others,)))


def _round(interpreter: Interpreter, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    digits = args[1] if len(args) > 1 else kwargs.get("ndigits")
    if digits is not None and abs(int(digits)) > bounds.MAX_EXPONENT:
        raise NotUnderstood(f"a number rounded to {digits} digits")
    return round(*args, **kwargs)


CALLS: dict[str, Call] = {
    **dict.fromkeys(("abs", "all", "any", "bool", "dict", "enumerate", "float", "int", "len"), _as_it_is),
    **dict.fromkeys(("object", "range", "reversed", "slice", "str", "zip"), _as_it_is),
    **dict.fromkeys(("list", "tuple", "set"), _over_a_loop),
    **dict.fromkeys(("sorted", "max", "min"), _with_key),
    "divmod": _divided,
    "sum": _sum,
    "round": _round,
}
"""The host's functions that source may call. No other function in C is called, however source got hold of it."""
_ALLOWED: dict[Any, Call] = {getattr(builtins, name): call for name, call in CALLS.items()}


def _call(interpreter: Interpreter, function: Any, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
    if function not in _ALLOWED:
        raise NotUnderstood(f"a call of {function.__name__}", where)
    if function is str and any(isinstance(value, Instance) for value in args):
        raise NotUnderstood("a text that shows an object", where)
    call = _ALLOWED[function]
    result = call(interpreter, function, args, kwargs)
    if function in NUMERIC and not kwargs:
        return interpreter.derived(function, args, result)
    names = list(kwargs)

    def called(*values: Any) -> Any:
        given = len(values) - len(names)
        return call(interpreter, function, list(values[:given]), dict(zip(names, values[given:])))

    return interpreter.derived(called, (*args, *kwargs.values()), result)


NUMERIC = (abs, int, float, round, sum, len, range)
"""Functions whose result is arithmetic of their arguments, or numbers one after the other."""


def _type_attribute(interpreter: Interpreter, value: type, name: str) -> Any:
    if value is dict and name == "fromkeys":
        return partial(_dict_of_keys, interpreter)
    raise Raised(f"the attribute {name!r} of {value.__name__}", kind="AttributeError")


def dict_of_keys(keys: Any, value: Any = None) -> dict[Any, Any]:
    """Return ``dict.fromkeys(keys, value)``."""
    return dict.fromkeys(keys, value)


def _dict_of_keys(interpreter: Interpreter, *args: Any) -> Any:
    return interpreter.derived(dict_of_keys, args, dict_of_keys(*args))


def is_instance(interpreter: Interpreter, value: Any, types: Any) -> bool:
    """Return ``isinstance(value, types)``; a value is not of a type of which nothing is known."""
    ancestry = value.cls.ancestry if isinstance(value, (Instance, NamedTuple)) and value.cls is not None else ()
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


def type_of(interpreter: Interpreter, value: Any) -> Any:
    """Return ``type(value)``: a class of the source, the name of a library's class, or one of Python's own types."""
    if isinstance(value, NamedTuple):
        return value.cls
    if isinstance(value, Instance):
        return value.cls if value.cls is not None else External(value.kind)
    for library in interpreter.libraries:
        for dotted, kind in library.types.items():
            if isinstance(kind, type) and type(value) is kind:
                return External(dotted)
    if type(value).__module__ != "builtins" and not isinstance(value, (int, float, str, dict)):
        return External(kind_of(value))
    return next((one for one in PLAIN_TYPES if isinstance(value, one)), External(type(value).__name__))


def get_attribute(interpreter: Interpreter, value: Any, name: str, *default: Any) -> Any:
    """Return ``getattr(value, name, default)``."""
    interpreter.named(value, name)
    try:
        return interpreter.attribute(value, name)
    except Raised:
        if default:
            return default[0]
        raise


def _hasattr(interpreter: Interpreter, value: Any, name: str) -> bool:
    interpreter.named(value, name)
    try:
        interpreter.attribute(value, name)
    except Raised:
        return False
    return True


def _set_attribute(interpreter: Interpreter, value: Any, name: str, new: Any) -> None:
    interpreter.named(value, name)
    interpreter.set_attribute(value, name, new)


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


def _power(interpreter: Interpreter, base: Any, exponent: Any) -> Any:
    interpreter.spend(bounds.binary(ast.Pow(), base, exponent))
    return interpreter.derived(operator.pow, (base, exponent), base**exponent)


FACTORIES = (list, dict, set, int, float)


def _default_dict(interpreter: Interpreter, factory: Any = None, *args: Any) -> dict[Any, Any]:
    """Return ``collections.defaultdict`` of one of Python's own types."""
    if factory not in FACTORIES:
        raise NotUnderstood("a dictionary with values made by something else than a type of Python's own")
    return defaultdict(factory, *args)


def _environment(interpreter: Interpreter, name: Any, default: Any = None) -> Any:
    """Return what ``os.environ.get`` gives where nothing is set."""
    return default


def _package(interpreter: Interpreter, name: Any) -> Any:
    """Return what ``importlib.util.find_spec`` gives: something for packages that ``import`` finds here."""
    top = str(name).partition(".")[0]
    return any(top in library.packages for library in interpreter.libraries) or None


PATTERNS = (
    (re.compile(r"(?:importlib\.)?(?:util\.)?find_spec"), Meaning("question", _package)),
    (re.compile(r"os\.environ\.get"), computes(_environment)),
    (re.compile(r"(?:packaging\.)?version\.(?:parse|Version)"), computes(lambda interpreter, text: _release(text))),
)
"""Calls of the standard library and of packaging by their whole name."""


def _release(text: Any) -> tuple[int, ...]:
    """Return a release as numbers that can be compared: those of ``2.1.0+cpu`` are 2, 1 and 0."""
    return tuple(int(part) for part in re.findall(r"\d+", str(text).partition("+")[0])[:3])


PLAIN_TYPES = (bool, int, float, str, list, tuple, dict, set, range, slice, bytes, type(None))
"""Python's own types, the narrower first."""

NAMES: dict[str, Meaning] = {
    "type": computes(type_of),
    "map": computes(_mapped),
    "filter": computes(_filtered),
    "next": computes(_next),
    "iter": computes(lambda interpreter, loop: loop),
    "issubclass": computes(_is_subclass),
    "vars": computes(lambda interpreter, value: interpreter.attribute(value, "__dict__")),
    "pow": computes(_power),
    "isinstance": computes(is_instance),
    "getattr": computes(get_attribute),
    "hasattr": computes(_hasattr),
    "setattr": computes(_set_attribute),
    "callable": computes(_callable),
    "cast": computes(lambda interpreter, kind, value: value),  # typing
    "copy": computes(lambda interpreter, value: deep_copy(value)),
    "deepcopy": computes(lambda interpreter, value: deep_copy(value)),
    "field": computes(_field),  # dataclasses
    "partial": computes(lambda interpreter, function, *args, **kwargs: Partial(function, args, kwargs)),  # functools
    "OrderedDict": computes(lambda interpreter, *args, **kwargs: dict(*args, **kwargs)),  # collections
    "defaultdict": computes(_default_dict),
    "UserDict": computes(lambda interpreter, *args: dict(*args)),
    "lru_cache": Meaning("inert", _decorator),
    "wraps": Meaning("inert", _decorator),
    "nullcontext": inert(),  # contextlib
    "warn": inert(),  # warnings
    **dict.fromkeys(("filterwarnings", "simplefilter", "catch_warnings"), inert()),
    "getenv": computes(lambda interpreter, name, default=None: default),  # os: nothing is set
}
"""Builtins that look at objects, and helpers of the standard library, by the last part of their name."""

TYPES: dict[str, type | tuple[type, ...]] = {
    "collections.abc.Mapping": dict,
    "collections.abc.Iterable": (list, tuple, dict),
    "collections.abc.Sequence": (list, tuple),
    "numbers.Number": (int, float, complex),
    "numbers.Real": (int, float),
    "numbers.Integral": int,
}

EXCEPTIONS = tuple(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)
"""Exceptions and warnings: names that source raises, catches and passes on, and of which nothing is asked."""

LIBRARY = Library(
    builtins={name: getattr(builtins, name) for name in CALLS}
    | {name: External(name) for name in EXCEPTIONS}
    | {"NotImplemented": NotImplemented, "print": lambda *_, **__: None},
    names=NAMES,
    types=TYPES,
    patterns=PATTERNS,
    kinds=(
        *names.KINDS,
        named_tuples.KIND,
        *attributes.KINDS,
        Kind(type, attribute=_type_attribute),
        Kind((type, BuiltinFunctionType), call=_call),
    ),
)
"""The language's own library: the last that is asked."""
