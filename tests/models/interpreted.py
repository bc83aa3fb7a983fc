"""A model that runs in the interpreter: made of a config, given weights, called with tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scaffold.source.interpreter import Interpreter
from scaffold.source.locate import ModelingSource
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.module import Module
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.source.transformers.config_object import Config, make


@dataclass(frozen=True)
class Model:
    """A model of modeling source, with the interpreter that it lives in."""

    source: ModelingSource
    interpreter: Interpreter
    config: Config
    root: Module

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Give parameters and saved buffers the values of a state dict.

        Raises:
            NotUnderstood: the model has other tensors or other shapes.
        """
        own = dict(self.root.saved_tensors())
        for name, tensor in own.items():
            given = arrays.get(name)
            if given is None or given.shape != tensor.shape:
                found = "nothing" if given is None else str(list(given.shape))
                raise NotUnderstood(f"{name} {list(tensor.shape)}, for which the state dict has {found}")
            tensor.a[...] = given
        unknown = sorted(arrays.keys() - own.keys())
        if unknown:
            raise NotUnderstood(f"{unknown[0]} of the state dict, which the source's model does not have")

    def call(self, tokens: Array) -> Event:
        """Run the model on token ids ``[batch, length]``, and return the call with all that happened in it.

        Raises:
            NotUnderstood: the source does something that the interpreter does not.
        """
        given = {"input_ids": Tensor(np.asarray(tokens)), "use_cache": False}
        with np.errstate(all="ignore"):
            self.interpreter.call(self.root, [], given, self.source.file.shown)
        return self.interpreter.watched[-1]


def instantiate(source: ModelingSource, values: Mapping[str, Any], seed: int = 0) -> Model:
    """Make the model of a config, with random weights.

    Args:
        source: where its class is.
        values: ``config.json`` of the text model.
        seed: of the random weights.

    Raises:
        NotUnderstood: the source does something that the interpreter does not.
    """
    interpreter = Interpreter(source.resolve, seed, source.transformers)
    with np.errstate(all="ignore"):
        config_class = None
        if source.config_file is not None and source.config_class is not None:
            config_class = interpreter.source_class(source.config_file, source.config_class)
        config = make(interpreter, config_class, values)
        cls = interpreter.source_class(source.file, source.class_name)
        return Model(source, interpreter, config, interpreter.instantiate(cls, [config], {}))
