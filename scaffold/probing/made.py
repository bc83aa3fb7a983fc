"""A model, made from its source at the sizes of a probe, before anything is run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scaffold.probing.sizes import shrink
from scaffold.source.interpreter import FAR, Interpreter
from scaffold.source.locate import ModelingSource
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.layers import ModuleList
from scaffold.source.torch.module import Module
from scaffold.source.torch.operations import making
from scaffold.source.transformers.config_object import Config
from scaffold.source.transformers.config_object import make as make_config
from scaffold.source.transformers.decided import At
from scaffold.source.transformers.real_sizes import real_sizes
from scaffold.vocabulary.lookup import at, key_of, spellings, value_of
from scaffold.vocabulary.rows import rows

BELOW = 64
"""How many tokens shorter than the longest text a long one is: it does not go beyond a limit near the longest."""
TIED = "tie_word_embeddings"
TEXT_CONFIG = "text_config"
MAX_LAYERS = 512
"""Far above any model's; bounds what a config can cost."""


@dataclass(frozen=True)
class Outer:
    """The config around a text config: that of a model with more parts than the language model."""

    config: Mapping[str, Any]
    text_key: str


@dataclass(frozen=True)
class Made:
    """A model at the sizes of a probe, before it runs: the checkpoint's text config, the probe's, and the model."""

    source: ModelingSource
    interpreter: Interpreter
    outer: Outer | None
    """Where the source's config class has the text config inside of it."""
    completed: Mapping[str, Any]
    """The checkpoint's config with what the config class adds (defaults, derived values)."""
    small: Config
    tied: bool
    model: Module

    def num_layers(self) -> int:
        """Return the number of layers that the config states, or its class computes; 0 if neither does."""
        key = key_of("num_layers", self.completed)
        if key:
            return int(at(self.completed, key))
        for name in spellings("num_layers"):
            try:
                return int(self.small.look_up(self.interpreter, name))
            except (NotUnderstood, TypeError):
                continue
        return 0

    def layer_lists(self) -> list[Module]:
        """Return the lists that are as long as the config says there are layers, and lie in no other such list.

        A layer may have as many heads, or experts, as there are layers.
        """
        count = self.num_layers()
        lists = [one for _, one in self.model.modules() if isinstance(one.builtin or one, ModuleList)]
        long = [one for one in lists if len(list(one.children())) == count]
        inside = {id(module) for one in long for _, child in one.children() for _, module in child.modules()}
        return [one for one in long if id(one) not in inside]

    def remade(self, values: Mapping[str, Any], seed: int = 0) -> tuple[Interpreter, Module]:
        """Return the model as the source makes it of another text config, and what it was made by.

        Raises:
            NotUnderstood: it cannot be made.
        """
        interpreter = _interpreter(self.source, seed)
        config, _ = _configs(self.source, values, self.outer, interpreter)
        return interpreter, interpreter.instantiate(_model_class(self.source, interpreter), [config], {})

    def takes(self, argument: str) -> bool:
        """Return whether the model's forward has an argument of a name."""
        found = self.model.cls.method("forward") if self.model.cls is not None else None
        return found is not None and argument in [one.arg for one in found[1].args.args]


def make(
    source: ModelingSource,
    config: Mapping[str, Any],
    sizes: int,
    outer: Outer | None,
    as_stated: Collection[At] = (),
) -> Made:
    """Make the source's model at the sizes of a probe, with all its layers; see ``probe.run``.

    Raises:
        NotUnderstood: the source does something that the interpreter does not.
    """
    layers = next((config[key] for key in spellings("num_layers") if isinstance(config.get(key), int)), 0)
    if layers > MAX_LAYERS:
        raise NotUnderstood(f"{layers} layers", "config.json")
    with np.errstate(all="ignore"):
        whole, completed = _configs(source, config, outer, _interpreter(source))
        if whole is completed:
            outer = None
        elif outer is None:
            outer = Outer(config, TEXT_CONFIG)
        interpreter = _interpreter(source, sizes)
        decisions = interpreter.decisions
        shrunk = shrink(_plain(completed.attributes), sizes)
        decisions.stated, decisions.small, decisions.as_stated = completed.attributes, shrunk, as_stated
        most = value_of("max_position_embeddings", completed.attributes)
        decisions.length = max(most // 2, most - BELOW) if isinstance(most, int) else FAR
        small_whole, small = _configs(source, shrunk, outer, interpreter)
        decisions.small, decisions.sizes = small.attributes, real_sizes(small.attributes, completed.attributes)
        with making():
            model = interpreter.instantiate(_model_class(source, interpreter), [small_whole], {})
    tied = whole.attributes.get(TIED, small.attributes.get(TIED, True))
    return Made(source, interpreter, outer, _plain(completed.attributes), small, bool(tied), model)


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config's values with those of configs in it as objects again: sizes stand there, too."""
    return {k: _plain(v.to_make()) if isinstance(v, Config) else v for k, v in attributes.items()}


def _interpreter(source: ModelingSource, seed: int = 0) -> Interpreter:
    return Interpreter(source.resolve, seed, source.transformers, is_remote=source.library is None)


def _model_class(source: ModelingSource, interpreter: Interpreter) -> Any:
    return interpreter.source_class(source.file, source.class_name)


def _configs(
    source: ModelingSource, text: Mapping[str, Any], outer: Outer | None, interpreter: Interpreter
) -> tuple[Config, Config]:
    """Return the config that the model is made of, and the text config in it: the same where it is not nested."""
    cls = None
    if source.config_file is not None and source.config_class is not None:
        cls = interpreter.source_class(source.config_file, source.config_class)
    if outer is not None and cls is not None:
        whole = make_config(interpreter, cls, {**outer.config, outer.text_key: dict(text)})
        inner = whole.attributes.get(outer.text_key)
        if isinstance(inner, Config):
            return whole, inner
    library = None if source.defaults is None else interpreter.source_class(*source.defaults)
    config = make_config(interpreter, cls, text, library=library)
    inner = config.attributes.get(TEXT_CONFIG)  # of keys that lie flat in config.json, as those of Qwen2-VL
    if not isinstance(inner, Config):
        return config, config
    _same_as_flat(text, inner.attributes)
    return config, inner


def _same_as_flat(flat: Mapping[str, Any], inner: Mapping[str, Any]) -> None:
    """Check that a text config, which config.json does not have as an object, is made of the keys that it has.

    Raises:
        NotUnderstood: a number of it is another; the class has its own default there.
    """
    for role in rows():
        key = key_of(role, flat)
        said, made = flat.get(key) if key else None, inner.get(key) if key else None
        if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (said, made)) and said != made:
            what = f"{key} {said} beside other keys, and {made} in the text config that the config class makes"
            raise NotUnderstood(what, "config.json")
