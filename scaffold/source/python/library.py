"""What a library offers to modeling source, as tables. The language knows libraries as values of this type only.

Functions in these tables take the run (an interpreter) first, then what the field says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Meaning:
    """What a call of a name from outside means.

    Attributes:
        role: ``computes`` a value; ``inert``: it changes no value at inference (logs, initial values, hooks);
            ``question``: it asks for the environment, and is answered as in one of plain PyTorch.
        call: takes the run and the arguments of the source.
    """

    role: Literal["computes", "inert", "question"]
    call: Callable[..., Any]


def computes(call: Callable[..., Any]) -> Meaning:
    """Return the meaning of a name that computes a value."""
    return Meaning("computes", call)


def inert(answer: Any = None) -> Meaning:
    """Return the meaning of a name that changes no value: a call of it is ``answer``."""
    return Meaning("inert", lambda *_, **__: answer)


def question(answer: Any = False) -> Meaning:
    """Return the meaning of a question about the environment."""
    return Meaning("question", lambda *_, **__: answer)


@dataclass(frozen=True)
class Kind:
    """What source may do with values of a type. A field that is None is left to the next kind that fits.

    Attributes:
        types: of the host.
        attribute: (run, value, name) → ``value.name``.
        set_attribute: (run, value, name, new).
        item: (run, value, key) → ``value[key]``.
        set_item: (run, value, key, new).
        iterate: (run, value) → what a loop goes through.
        augmented: (run, function, value, right) → what ``value`` is after ``value += right`` and its like.
        call: (run, value, args, kwargs, where) → ``value(*args, **kwargs)``.
        inherited: (run, value, base, name) → ``super().name`` where a base from outside has it, else None.
        methods: by name, (run, value, *args, **kwargs); what a base from outside offers last.
    """

    types: type | tuple[type, ...]
    attribute: Callable[..., Any] | None = None
    set_attribute: Callable[..., None] | None = None
    item: Callable[..., Any] | None = None
    set_item: Callable[..., None] | None = None
    iterate: Callable[..., Any] | None = None
    augmented: Callable[..., Any] | None = None
    call: Callable[..., Any] | None = None
    inherited: Callable[..., Any] | None = None
    methods: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Base:
    """Instances of source classes that descend from a library's class.

    Attributes:
        matches: (class) → whether it is one.
        make: (run, class, args, kwargs) → the instance.
    """

    matches: Callable[[Any], bool]
    make: Callable[..., Any]


@dataclass(frozen=True)
class Library:
    """What one library offers. Of several libraries the first that knows a thing answers.

    Attributes:
        packages: that ``import`` finds.
        builtins: names that need no import.
        constants: values by dotted name.
        answers: what gives values that are not always the same, by dotted name.
        imports: (run, file, dotted name) → the value of an import that is looked into rather than called, else None.
        names: what calls mean, by the last part of the name, wherever it was imported from.
        modules: what calls below a dotted prefix mean: (run, name, args, kwargs). Names of other libraries do not
            count there.
        patterns: what calls mean, by the whole dotted name; groups of the expression are the first arguments.
        types: for ``isinstance``, by dotted name.
        kinds: of values.
        bases: of instances.
        watched: functions of the source whose calls are carried out by the library, by name: (run, function, args,
            kwargs, where).
    """

    packages: tuple[str, ...] = ()
    builtins: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    imports: Callable[..., Any] | None = None
    names: Mapping[str, Meaning] = field(default_factory=dict)
    modules: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    patterns: tuple[tuple[re.Pattern[str], Meaning], ...] = ()
    types: Mapping[str, type | tuple[type, ...]] = field(default_factory=dict)
    kinds: tuple[Kind, ...] = ()
    bases: tuple[Base, ...] = ()
    watched: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
