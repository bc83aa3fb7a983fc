"""One run of the modeling source at small sizes: the values that flowed, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scaffold.source.config_object import Config
from scaffold.source.errors import NotUnderstood
from scaffold.source.interpreter import ATTENTION_FUNCTIONS, Interpreter
from scaffold.source.locate import ModelingSource, resolve
from scaffold.source.objects import Event, Module
from scaffold.source.tensors import Tensor
from scaffold.spec.sizes import SIZES, key_for, shrink

NUM_TOKENS = 11
"""Longer than the probe's sliding window, and a prime, so that no other size equals it."""


@dataclass(frozen=True)
class Probe:
    """A probe that ran: the checkpoint's config, the probe's, the model and its events."""

    source: ModelingSource
    config: Mapping[str, Any]
    completed: Mapping[str, Any]
    """The checkpoint's config with what the config class adds (defaults, derived values)."""
    small: Config
    model: Module
    root: Event

    @property
    def paths(self) -> dict[int, str]:
        """Dotted path of each module by its id."""
        return {id(module): path for path, module in self.model.modules()}

    def path(self, module: Module | None) -> str:
        """Return the dotted path of a module, empty if it is none of the model's."""
        return self.paths.get(id(module), "")

    def layers(self) -> list[Event]:
        """Return the calls of decoder layers: the outermost modules in a list that hold an attention each."""
        found = []
        for event in self.root.walk():
            name = self.path(event.module).rpartition(".")[2]
            if name.isdigit() and any(e.name in ATTENTION_FUNCTIONS for e in event.walk()):
                found.append(event)
        return found

    def probe_value(self, role: str) -> int:
        """Return a size as the probe has it."""
        return next(size.probe for size in SIZES if size.role == role)

    def key(self, role: str) -> str | None:
        """Return the config key of a size."""
        return key_for(role, self.completed)


def run(source: ModelingSource, config: Mapping[str, Any], **changed: Any) -> Probe:
    """Run the source's model on a few tokens, at the sizes of a probe.

    Args:
        source: where the class is.
        config: the checkpoint's text config.
        changed: values that the probe's config gets in place of the shrunk ones.

    Raises:
        NotUnderstood: the source does something that the interpreter does not.
    """
    with np.errstate(all="ignore"):
        completed = _config(source, config, Interpreter(resolve)).attributes
        interpreter = Interpreter(resolve)
        small = _config(source, {**shrink(completed), **changed}, interpreter)
        cls = interpreter.source_class(source.file, source.class_name)
        model = interpreter.instantiate(cls, [small], {})
        tokens = Tensor(interpreter.rng.integers(3, 100, (1, NUM_TOKENS)))
        try:
            interpreter.call(model, [], {"input_ids": tokens, "use_cache": False}, source.file.shown)
        except (ValueError, TypeError, IndexError, KeyError, RecursionError) as error:
            raise NotUnderstood(f"{type(error).__name__}: {error}", source.file.shown) from error
    return Probe(source, dict(config), _plain(completed), small, model, interpreter.watched[0])


def _config(source: ModelingSource, values: Mapping[str, Any], interpreter: Interpreter) -> Config:
    cls = None
    if source.config_file is not None and source.config_class is not None:
        cls = interpreter.source_class(source.config_file, source.config_class)
    config = Config({**_class_defaults(interpreter, cls), **values}, cls)
    config.complete(interpreter)
    return config


def _class_defaults(interpreter: Interpreter, cls: Any) -> dict[str, Any]:
    """Return the defaults that a config class states as class attributes, as transformers 5 does."""
    if cls is None:
        return {}
    names = [
        statement.target.id
        for statement in cls.node.body
        if type(statement).__name__ == "AnnAssign" and statement.value is not None
    ]
    return {name: interpreter.attribute(cls, name) for name in names}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(values)
