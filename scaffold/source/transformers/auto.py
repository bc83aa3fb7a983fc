"""What transformers' Auto classes mean in source: the config class of a model type, and the model of a config.

transformers: src/transformers/models/auto/{configuration_auto,modeling_auto}.py. Multimodal models make their parts
so. Of these, language models are made; a part of another kind (a vision tower) is not one that text runs through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.objects import SourceClass
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.module import Module
from scaffold.source.transformers import auto_mapping
from scaffold.source.transformers.config_object import Config
from scaffold.source.transformers.protocol import Interpreter


class Part(Module):
    """A part of a model that is no language model: it is there, but not made, and a call of it is not understood."""

    def __init__(self, model_type: str) -> None:
        super().__init__()
        self.model_type = model_type

    @property
    def kind(self) -> str:
        """Return what a message calls it."""
        return f"the part {self.model_type!r}"


@dataclass(frozen=True)
class ConfigTable:
    """``CONFIG_MAPPING``: model type → config class."""

    file: SourceFile

    def config_class(self, interpreter: Interpreter, model_type: Any) -> SourceClass:
        """Return the config class of a model type.

        Raises:
            Raised: the target's transformers has none.
        """
        name = auto_mapping.config_class(str(model_type), _library(interpreter))
        return _defined(interpreter, self.file, str(model_type), "configuration", name)


@dataclass(frozen=True)
class AutoClass:
    """``AutoModel`` or one of its kin."""

    file: SourceFile
    class_name: Callable[[str, Path], str | None]

    def from_config(self, interpreter: Interpreter, config: Any, *_: Any, **__: Any) -> Module:
        """Return the model of a config, or a ``Part`` where transformers has no language model of its type.

        Raises:
            NotUnderstood: the class of the config is not known.
        """
        if not isinstance(config, Config):
            raise NotUnderstood("from_config of something that is not a config")
        model_type, library = str(config.look_up(interpreter, "model_type")), _library(interpreter)
        if auto_mapping.causal_lm_class(model_type, library) is None and not _is_text(interpreter, config):
            return Part(model_type)
        name = self.class_name(model_type, library)
        made = interpreter.instantiate(_defined(interpreter, self.file, model_type, "modeling", name), [config], {})
        assert isinstance(made, Module)
        return made


def _is_text(interpreter: Interpreter, config: Config) -> bool:
    """Return whether a config's class says that it is the language model's, which only models around it have."""
    try:
        return bool(config.look_up(interpreter, "base_config_key") == "text_config")
    except Raised:
        return False


AUTO_CLASSES = {"AutoModel": auto_mapping.model_class, "AutoModelForCausalLM": auto_mapping.causal_lm_class}


def table(file: SourceFile, name: str) -> ConfigTable | AutoClass | None:
    """Return what an imported name of ``transformers.models.auto`` means, None for another name."""
    if name == "CONFIG_MAPPING":
        return ConfigTable(file)
    return AutoClass(file, AUTO_CLASSES[name]) if name in AUTO_CLASSES else None


def _library(interpreter: Interpreter) -> Path:
    if interpreter.transformers is None:
        raise NotUnderstood("an Auto class, without a transformers to look into")
    return interpreter.transformers


def _defined(interpreter: Interpreter, file: SourceFile, model_type: str, kind: str, name: str | None) -> SourceClass:
    folder = auto_mapping.folder(model_type, _library(interpreter))
    found = name and interpreter.resolve(file, f"transformers.models.{folder}.{kind}_{folder}.{name}")
    if not found:
        raise Raised(f"the model type {model_type!r}, of which this transformers has no {kind}")
    return interpreter.source_class(*found)
