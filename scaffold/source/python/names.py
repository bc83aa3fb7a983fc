"""Names from outside of the source: constants, and what calls of them mean by the tables of the libraries."""

from __future__ import annotations

from typing import Any

from scaffold.source.python import bounds
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.library import Kind
from scaffold.source.python.objects import External
from scaffold.source.python.protocol import Interpreter


def outside(interpreter: Interpreter, dotted: str) -> Any:
    """Return what a dotted name from outside is: a constant, or the name itself."""
    for library in interpreter.libraries:
        if dotted in library.constants:
            return library.constants[dotted]
        if dotted in library.answers:
            return library.answers[dotted]()
    return External(bounds.dotted(dotted))


def _attribute(interpreter: Interpreter, value: External, name: str) -> Any:
    return outside(interpreter, f"{value.dotted}.{name}")


def _call(interpreter: Interpreter, value: External, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
    """Call a name from outside.

    Raises:
        NotUnderstood: nothing is known of it.
    """
    for library in interpreter.libraries:
        for prefix, carry_out in library.modules.items():
            if value.dotted.startswith(f"{prefix}."):
                meaning = library.names.get(value.name)
                if meaning is not None:
                    return meaning.call(interpreter, *args, **kwargs)
                return carry_out(interpreter, value, args, kwargs)
    for library in interpreter.libraries:
        if value.name in library.names:
            return library.names[value.name].call(interpreter, *args, **kwargs)
    for library in interpreter.libraries:
        for pattern, meaning in library.patterns:
            if match := pattern.fullmatch(value.dotted):
                return meaning.call(interpreter, *match.groups(), *args, **kwargs)
    raise NotUnderstood(f"a call of {value.dotted}")


def _itself(interpreter: Interpreter, value: External, key: Any) -> External:
    return value  # a subscripted type


KINDS = (Kind(External, attribute=_attribute, call=_call, item=_itself),)
