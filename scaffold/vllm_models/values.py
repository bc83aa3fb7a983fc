"""What an expression of a model file can be known to be without running it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scaffold.source.python.objects import External
from scaffold.vllm_models.experts import Experts
from scaffold.vllm_models.model_file import ModelFile


@dataclass(frozen=True)
class Unknown:
    """A value that cannot be told; ``made`` if it came out of a call, and so may be a module."""

    why: str
    made: bool = False


@dataclass(frozen=True)
class Fault:
    """Where code fails for certain.

    Attributes:
        says: file, line, and how.
        of_sizes: whether it fails because a size cannot be shared by the ranks.
    """

    says: str
    of_sizes: bool = False


@dataclass(frozen=True)
class Record:
    """Something with attributes of which some are known: a config, vLLM's config, a pipeline group."""

    values: Mapping[str, Any]
    what: str = "config.json"
    computed: frozenset[str] | None = None
    """Where a config is as its class completes it, so that what it lacks is not there: what the class computes when it
    is asked. None where its class may complete it in ways that are not known."""
    given: frozenset[str] | None = None
    """What others may give it: its base classes, and vLLM before it makes a model. None where that is not known."""

    def lacks(self, name: str) -> bool:
        """Return whether it is known that there is no such attribute."""
        return self.computed is not None and name not in self.values and name not in self.computed

    def lacks_surely(self, name: str) -> bool:
        """Return whether it is known that there is no such attribute, whoever may have given it one."""
        return self.lacks(name) and self.given is not None and name not in self.given

    def get(self, name: str) -> Any:
        """Return an attribute; what ``config.json`` leaves out may have a default of the class, so it is unknown."""
        if name not in self.values:
            return Unknown(f"{self.what} has no {name!r}")
        value = self.values[name]
        return Record(value, f"{self.what}, {name}") if isinstance(value, dict) else value


@dataclass(frozen=True)
class ClassValue:
    """A class of a model file."""

    file: ModelFile
    node: ast.ClassDef


@dataclass(frozen=True)
class FunctionValue:
    """A function, method (bound to ``owner``) or lambda (with the variables around it)."""

    file: ModelFile
    node: ast.FunctionDef | ast.Lambda
    owner: Node | None = None
    around: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Partial:
    """``functools.partial``: a function with some of its arguments."""

    function: Any
    positional: tuple[Any, ...]
    named: Mapping[str, Any]


Shape = tuple[int | None, ...]
"""Sizes of a parameter; None is a size that is not known."""


@dataclass(frozen=True)
class Parameter:
    """A parameter, as a loader fills it.

    Attributes:
        required: whether a loader must fill it.
        shape: of the whole, on one rank; None if it is not known.
        shards: the parts in which it is filled, such as ``q``, ``k``, ``v``, with the shape of each.
    """

    required: bool = True
    shape: Shape | None = None
    shards: Mapping[Any, Shape | None] = field(default_factory=dict)

    def asks(self, shard: Any) -> Shape | None:
        """Return the shape that a tensor must have that fills a shard, or the whole; None if it is not known."""
        return self.shards.get(shard) if self.shards and shard is not None else self.shape


def fits(asked: Shape | None, found: tuple[int, ...]) -> bool | None:
    """Return whether a shape is the one that is asked for; None if that cannot be told.

    A single number fills a parameter of one element (vLLM: ``default_weight_loader``).
    """
    if asked is None:
        return None
    if asked and set(asked) == {1} and set(found) <= {1}:
        return True
    if len(asked) != len(found) or any(a not in (None, b) for a, b in zip(asked, found)):
        return False
    return None if None in asked else True


@dataclass(eq=False)
class Node:
    """A module: its attributes, of which other nodes are its children.

    Attributes:
        class_name: for messages.
        definition: its class, where that is of a model file.
        attributes: name → value.
        parameters: by name.
        experts: of a layer of experts, which takes names of its own.
        quantised: where it gets a quantisation, which makes its own parameters; empty if it gets none.
        unread: why it could not be read: then it may take any name.
        tied: it shares the weight of another module, and a loader skips it.
        layer: the layer of vLLM that it is, such as ``RowParallelLinear``, where it is one that holds weights.
        prefix: the name under which it asks for its quantisation; None if it is not known.
        asked_as: the model type of the config with which it is made.
        is_whole: whether each rank has all of it, by its argument ``disable_tp``.
        grown: dictionaries of its class to which its ``__init__`` adds entries, with these.
    """

    class_name: str
    definition: ClassValue | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    experts: Experts | None = None
    quantised: str = ""
    unread: str = ""
    tied: bool = False
    layer: str = ""
    prefix: str | None = None
    asked_as: str = ""
    is_whole: bool = False
    grown: dict[str, dict[str, Any]] = field(default_factory=dict)

    def form(self) -> tuple[Any, ...]:
        """Return what modules that are made alike have in common: classes, parameters and experts, all the way down."""
        inner = tuple(
            (name, tuple(node.form() for node in (value.nodes if isinstance(value, Choice) else (value,))))
            for name, value in self.attributes.items()
            if isinstance(value, Node | Choice)
        )
        parameters = tuple((name, str(parameter)) for name, parameter in self.parameters.items())
        return self.class_name, self.tied, bool(self.quantised), self.experts, parameters, inner

    def children(self) -> dict[str, Node | Choice]:
        """Return the modules among the attributes; what may be one is one that could not be read."""
        found: dict[str, Node | Choice] = {}
        for name, value in self.attributes.items():
            if isinstance(value, Node | Choice):
                found[name] = value
            elif isinstance(value, Unknown) and value.made:
                found[name] = Node("?", unread=value.why)
        return found


@dataclass(frozen=True, eq=False)
class Choice:
    """One of several modules; which one depends on something that is not known. None: perhaps no module."""

    options: tuple[Any, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Return the modules among the options; what could not be told may be one too."""
        found = []
        for option in self.options:
            if isinstance(option, Node):
                found.append(option)
            elif isinstance(option, Unknown) and option.made:
                found.append(Node("?", unread=option.why))
        return tuple(found)


def truth(value: Any) -> bool | None:
    """Return whether a value counts as true; None if that cannot be told."""
    if isinstance(value, Unknown | Choice):
        return None
    if isinstance(value, Node | Record | External | ClassValue | FunctionValue | Partial):
        return True
    return bool(value)


def join(first: Any, second: Any) -> Any:
    """Return what a variable is after two ways that may both have been taken."""
    if first is second or (type(first) is type(second) and not isinstance(first, Node | Choice) and first == second):
        return first
    options: list[Any] = []
    for value in (first, second):
        options += value.options if isinstance(value, Choice) else [value]
    if any(isinstance(option, Node) or (isinstance(option, Unknown) and option.made) for option in options):
        return Choice(tuple(options))
    return Unknown("it depends on a condition that is not known")
