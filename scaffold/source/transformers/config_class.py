"""A config class: whether a class is one, and the fields that its generated ``__init__`` takes."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.objects import SourceClass
from scaffold.source.transformers.config_defaults import BASE_FIELDS, BASE_NAMES
from scaffold.source.transformers.protocol import Interpreter


@dataclass(frozen=True)
class ConfigInit:
    """``SomeConfig.__init__``, which source asks for its parameters only."""

    cls: SourceClass


def signature(interpreter: Interpreter, init: Any) -> Any:
    """Return ``inspect.signature`` of a config class's ``__init__``: its fields.

    Raises:
        NotUnderstood: it is asked of something else.
    """
    if not isinstance(init, ConfigInit):
        raise NotUnderstood("the signature of what is no config class")
    names = (*fields_in(init.cls), *BASE_FIELDS)
    return SimpleNamespace(parameters=dict.fromkeys(names))


def is_config_class(cls: SourceClass) -> bool:
    """Return whether the class descends from ``PreTrainedConfig``."""
    return any(one.name in BASE_NAMES for one in cls.ancestry)


def fields_in(cls: SourceClass) -> tuple[str, ...]:
    """Return the names of the fields of a class and those it descends from, each once."""
    own = (fields_of(one.node) for one in cls.ancestry if isinstance(one, SourceClass))
    return tuple(dict.fromkeys(name for names in own for name in names))


@lru_cache(maxsize=64)
def fields_of(node: ast.ClassDef) -> tuple[str, ...]:
    """Return the names of a class body's annotated attributes with a value, but for those of the class itself."""
    annotated = [one for one in node.body if isinstance(one, ast.AnnAssign) and one.value is not None]
    own = [one for one in annotated if "ClassVar" not in ast.unparse(one.annotation)]
    return tuple(one.target.id for one in own if isinstance(one.target, ast.Name))
