"""What a name can stand for while the calls of a model are followed. Nothing is computed: a value is what is called."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from scaffold.ascend.frames import Frame
    from scaffold.ascend.trees import Module

Values: TypeAlias = "frozenset[Value]"


class Value:
    """Something that an expression can give."""

    __slots__ = ()


@dataclass(frozen=True)
class Unknown(Value):
    """Whatever is known at run time alone.

    Attributes:
        what: it is, where that is known.
        is_told: whether a report tells of a call of it, with what it is.
    """

    what: str = ""
    is_told: bool = False


@dataclass(frozen=True)
class Const(Value):
    """A constant; its type tells ``True`` from ``1``."""

    value: object
    kind: str


@dataclass(frozen=True)
class External(Value):
    """A name of a package outside of the trees."""

    name: str


@dataclass(frozen=True)
class ModuleRef(Value):
    """A module or folder of the trees."""

    name: str


@dataclass(frozen=True, eq=False)
class TreeClass(Value):
    """A class of the trees."""

    module: Module
    node: ast.ClassDef

    @property
    def name(self) -> str:
        """Return its name."""
        return self.node.name


@dataclass(frozen=True, eq=False)
class Function(Value):
    """A function of the trees; ``outer`` is where an inner one was made."""

    module: Module
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    owner: TreeClass | None = None
    outer: Frame | None = None

    @property
    def name(self) -> str:
        """Return its name, behind that of its class."""
        own = "lambda" if isinstance(self.node, ast.Lambda) else self.node.name
        return own if self.owner is None else f"{self.owner.name}.{own}"


@dataclass(frozen=True)
class Bound(Value):
    """A method of an object or class."""

    function: Function
    receiver: Value


@dataclass(frozen=True)
class Instance(Value):
    """Any object of a class."""

    of: TreeClass


@dataclass(frozen=True)
class Super(Value):
    """What ``super()`` gives in a method of ``owner``."""

    receiver: Value
    owner: TreeClass


@dataclass(frozen=True)
class Elements(Value):
    """A list, dict or module list: what it may hold."""

    values: Values


@dataclass(frozen=True)
class Row(Value):
    """A tuple of known length."""

    items: tuple[Values, ...]


@dataclass(frozen=True)
class Table(Value):
    """A dict whose keys are known."""

    items: tuple[tuple[Value, Values], ...]


@dataclass(frozen=True)
class TorchOperator(Value):
    """``torch.ops.<namespace>.<name>``."""

    namespace: str
    name: str


@dataclass(frozen=True)
class TritonKernel(Value):
    """A function that a decorator compiles for the device; ``package`` is the decorator's."""

    function: Function
    package: str


@dataclass(frozen=True)
class Platform(Value):
    """``vllm.platforms.current_platform``, or the method ``name`` of it."""

    name: str = ""


@dataclass(frozen=True)
class Layers(Value):
    """The table in which a custom operator finds the layer that called it."""


@dataclass(frozen=True)
class Settings(Value):
    """The checkpoint's config, or a dict in it: its keys and values.

    The config's own class may complete what the file leaves out; a dict inside is ``whole``.
    """

    items: tuple[tuple[str, Values], ...]
    whole: bool = False


@dataclass(frozen=True)
class EngineConfig(Value):
    """vLLM's config, or what is reached from it by these attributes."""

    path: tuple[str, ...] = ()


UNKNOWN: Values = frozenset({Unknown()})
NOTHING: Values = frozenset()


def constant(value: object) -> Values:
    """Return the constant's value set."""
    return frozenset({Const(value, type(value).__name__)})


NONE = constant(None)
TRUE, FALSE = constant(True), constant(False)


def join(parts: Iterable[Values]) -> Values:
    """Return what any of the parts may be."""
    return frozenset().union(*parts)


def truth(values: Values) -> bool | None:
    """Return whether an ``if`` takes a value for true; None where that is not known."""
    found = {_truth(value) for value in values}
    return found.pop() if len(found) == 1 else None


def _truth(value: Value) -> bool | None:
    if isinstance(value, Const):
        return bool(value.value)
    if isinstance(value, TreeClass | Function | Bound | Instance | TorchOperator | TritonKernel | ModuleRef):
        return True
    if isinstance(value, Row | Table):
        return bool(value.items)
    return None


def is_none(values: Values) -> bool | None:
    """Return whether a value is None; None where that is not known."""
    if any(isinstance(value, Unknown | External | Settings | EngineConfig) for value in values) or not values:
        return None
    found = {value == Const(None, "NoneType") for value in values}
    return found.pop() if len(found) == 1 else None


def ordered(values: Values) -> list[Value]:
    """Return values in an order that is the same in each run."""
    return list(values) if len(values) < 2 else sorted(values, key=_place)


def _place(value: Value) -> tuple[str, str, int]:
    if isinstance(value, TreeClass | Function):
        return type(value).__name__, str(value.module.path), value.node.lineno
    if isinstance(value, Bound):
        return "Bound", *_place(value.function)[1:]
    if isinstance(value, Instance):
        return "Instance", *_place(value.of)[1:]
    if isinstance(value, TritonKernel):
        return "TritonKernel", *_place(value.function)[1:]
    if isinstance(value, Elements | Row | Table | Super):
        return type(value).__name__, "", 0
    return type(value).__name__, repr(value), 0
