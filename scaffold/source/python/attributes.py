"""What Python's own objects can do in source: containers, source classes, instances, ``super()``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import setitem
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any

from scaffold.source.python import bounds
from scaffold.source.python.classes import assigned
from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.frame import Frame
from scaffold.source.python.library import Kind
from scaffold.source.python.objects import External, Instance, Partial, SourceClass, SuperProxy
from scaffold.source.python.protocol import Interpreter
from scaffold.source.python.scope import has_order, order
from scaffold.source.python.shadows import depends_on_sizes

METHODS: dict[type, tuple[str, ...]] = {
    dict: ("get", "clear", "items", "keys", "values", "pop", "update", "setdefault", "copy"),
    list: ("append", "pop", "reverse", "sort", "extend", "index", "count", "insert", "copy"),
    tuple: ("index", "count"),
    set: ("add", "union", "update", "discard", "isdisjoint", "issubset", "intersection", "difference"),
    str: (
        *("split", "rsplit", "partition", "startswith", "endswith", "lower", "upper", "replace", "join", "strip"),
        *("lstrip", "rstrip", "isdigit", "find", "count", "removeprefix", "removesuffix"),
    ),
}
"""Methods of containers that source may call. None of them reaches more than the container and its arguments."""
SEEKING = ("get", "index", "count", "pop", "setdefault", "discard")
"""Methods that look for their first argument."""
CHANGING = (
    *("append", "clear", "pop", "update", "setdefault", "reverse", "sort", "extend", "insert", "add", "discard"),
)
"""Methods that change the container."""
SIZED = (list, tuple, range, dict, set, str)


def kind_of(value: Any) -> str:
    """Return what a message calls a value."""
    return value.dotted if isinstance(value, External) else type(value).__name__


def container_attribute(interpreter: Interpreter, value: Any, name: str) -> Any:
    """Return a method of a container, or a value of a dictionary that is read like an object."""
    allowed = next(names for kind, names in METHODS.items() if isinstance(value, kind))
    if name in allowed:
        return partial(_method, interpreter, value, name)
    if isinstance(value, dict) and name in value:
        return value[name]
    raise Raised(f"the attribute {name!r} of {kind_of(value)}", kind="AttributeError")


def _method(interpreter: Interpreter, value: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    interpreter.spend(bounds.method(value, name, args))
    place = interpreter.at()
    if name in SEEKING and args and place and (isinstance(value, dict) or depends_on_sizes(args[0])):
        args = (interpreter.sought(value, args[0], place), *args[1:])
    called = partial(_called, name, kwargs)
    if name in CHANGING:
        interpreter.changes(value)
        if name == "sort" and not kwargs:
            interpreter.derived(partial(has_order, order(*value)), value, True)
        result = called(value, *args)
        interpreter.changed(value, called, args)
        return result
    return interpreter.derived(called, (value, *args), called(value, *args))


def _called(name: str, kwargs: dict[str, Any], value: Any, *args: Any) -> Any:
    """Return what a method of one of Python's own containers gives."""
    return getattr(value, name)(*args, **kwargs)


def _item(interpreter: Interpreter, value: Any, key: Any) -> Any:
    if isinstance(key, slice):
        interpreter.spend(len(value))
    return value[key]


def _set_item(interpreter: Interpreter, value: Any, key: Any, new: Any) -> None:
    if isinstance(key, slice):
        interpreter.spend(bounds.length(len(value) + bounds.walked((new,))))
    interpreter.changes(value)
    value[key] = new
    interpreter.changed(value, setitem, (key, new))


def class_attribute(interpreter: Interpreter, cls: SourceClass, name: str) -> Any:
    """Return what a class body says of a name."""
    found = cls.method(name)
    if found:
        return interpreter.bound(None, *found)
    if name == "apply" and any(base.name == "Function" for base in cls.ancestry):  # of torch.autograd
        forward = interpreter.bound(None, *(cls.method("forward") or ()))
        return lambda *args: interpreter.call(forward, [External("autograd.context"), *args], {}, cls.file.shown)
    return class_value(interpreter, cls, name)


def class_value(interpreter: Interpreter, cls: SourceClass, name: str) -> Any:
    """Return the value that a class or one of its ancestors assigns to a name.

    Raises:
        Raised: none does.
    """
    if name == "__name__":
        return cls.name
    for one in cls.ancestry:
        expression = assigned(one.node, name) if isinstance(one, SourceClass) else None
        if isinstance(one, SourceClass) and expression is not None:
            return Frame(interpreter, one.file, {}, {}).value(expression)
    raise Raised(f"the attribute {name!r} of {cls.name}", kind="AttributeError")


def instance_attribute(interpreter: Interpreter, instance: Instance, name: str) -> Any:
    """Return an attribute of an object: its own, a method, what its library gives, what its class assigns."""
    if name in instance.attributes:
        return instance.attributes[name]
    if name == "__dict__":
        return instance.attributes
    if name == "__class__" and instance.cls is not None:
        return instance.cls
    found = instance.cls.method(name) if instance.cls is not None else None
    if found:
        return interpreter.bound(instance, *found)
    method = interpreter.library_method(instance, name)
    if method is not None:
        return method
    if instance.cls is not None:
        return class_value(interpreter, instance.cls, name)
    raise Raised(f"the attribute {name!r} of {instance.kind}", kind="AttributeError")


def _set_attribute(interpreter: Interpreter, instance: Instance, name: str, new: Any) -> None:
    instance.attributes[name] = new


def _call_instance(
    interpreter: Interpreter, instance: Instance, args: list[Any], kwargs: dict[str, Any], where: str
) -> Any:
    found = instance.cls.method("__call__") if instance.cls is not None else None
    if found is None:
        raise NotUnderstood(f"a call of {instance.kind}", where)
    return interpreter.call(interpreter.bound(instance, *found), args, kwargs, where)


def _super_attribute(interpreter: Interpreter, proxy: SuperProxy, name: str) -> Any:
    instance = proxy.instance
    cls = instance if isinstance(instance, SourceClass) else instance.cls
    for base in cls.ancestry[cls.ancestry.index(proxy.owner) + 1 :]:
        if isinstance(base, SourceClass):
            function = next((node for owner, node in base.definitions(name) if owner is base), None)
            found = None if function is None else interpreter.bound(instance, base, function)
        else:
            found = interpreter.inherited(instance, base, name)
        if found is not None:
            return found
    method = interpreter.library_method(instance, name)
    if method is None:
        raise NotUnderstood(f"super().{name}")
    return method


def _number_attribute(interpreter: Interpreter, value: float, name: str) -> Any:
    """Return a method of a number, bound to it."""
    if name == "is_integer":
        return lambda: interpreter.derived(_is_whole, (value,), _is_whole(value))
    raise Raised(f"the attribute {name!r} of {kind_of(value)}", kind="AttributeError")


def _is_whole(value: float) -> bool:
    return float(value).is_integer()


def _namespace_attribute(interpreter: Interpreter, value: SimpleNamespace, name: str) -> Any:
    if name not in vars(value):
        raise Raised(f"the attribute {name!r} of {kind_of(value)}", kind="AttributeError")
    return vars(value)[name]  # only what we put there, whatever its name


def _instantiate(
    interpreter: Interpreter, cls: SourceClass, args: list[Any], kwargs: dict[str, Any], where: str
) -> Any:
    return interpreter.instantiate(cls, args, kwargs)


def _call_partial(interpreter: Interpreter, value: Partial, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
    return interpreter.call(value.function, [*value.args, *args], {**value.kwargs, **kwargs}, where)


def _call_python(
    interpreter: Interpreter, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], where: str
) -> Any:
    """Call a function written in Python: the only ones that source can get hold of are those of the tables."""
    return function(*args, **kwargs)


KINDS = (
    Kind(SourceClass, attribute=class_attribute, item=lambda _, cls, key: cls, call=_instantiate),
    Kind(SuperProxy, attribute=_super_attribute),
    Kind(
        Instance,
        attribute=instance_attribute,
        set_attribute=_set_attribute,
        call=_call_instance,
        methods={"__init__": lambda *_, **__: None},
    ),
    Kind(SimpleNamespace, attribute=_namespace_attribute),
    Kind(Partial, call=_call_partial),
    Kind((FunctionType, MethodType, partial), call=_call_python),
    Kind((list, dict), set_item=_set_item),
    Kind((int, float), attribute=_number_attribute),
    Kind(tuple(METHODS), attribute=container_attribute),
    Kind((*SIZED, bytes), item=_item),
    Kind((*SIZED, enumerate, zip, reversed), iterate=lambda _, value: value),
    Kind(bounds.VIEWS, iterate=lambda _, value: list(value)),
)
"""Type → what source may do with it. What is in no table it may not do: values of all other types have nothing."""
