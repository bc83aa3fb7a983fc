"""``typing.NamedTuple`` of the source: tuples whose items have names."""

from __future__ import annotations

from typing import Any

from scaffold.source.python.attributes import container_attribute
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.library import Kind
from scaffold.source.python.objects import External, SourceClass
from scaffold.source.python.protocol import Interpreter


class NamedTuple(tuple[Any, ...]):
    """The items in the order of the fields of their class.

    Attributes:
        cls: the class.
        fields: name → item.
    """

    cls: SourceClass
    fields: dict[str, Any]

    @classmethod
    def of(cls, made_by: SourceClass, fields: dict[str, Any]) -> NamedTuple:
        """Return one with these items."""
        found = cls(fields.values())
        found.cls, found.fields = made_by, fields
        return found


def is_named_tuple(cls: SourceClass) -> bool:
    """Return whether a class of the source is one of named tuples."""
    return any(isinstance(base, External) and base.dotted == "typing.NamedTuple" for base in cls.bases)


def _attribute(interpreter: Interpreter, value: NamedTuple, name: str) -> Any:
    if name in value.fields:
        return value.fields[name]
    if value.cls.method(name) is not None or name.startswith("_"):
        raise NotUnderstood(f"the member {name!r} of the named tuple {value.cls.name}")
    return container_attribute(interpreter, value, name)


KIND = Kind(NamedTuple, attribute=_attribute)
