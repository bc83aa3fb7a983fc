"""What transformers' objects can do in source: configs, outputs, Auto classes, tables, models."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from scaffold.source.python.attributes import METHODS as CONTAINER_METHODS
from scaffold.source.python.attributes import class_attribute, container_attribute, instance_attribute
from scaffold.source.python.builtins import get_attribute
from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.library import Base, Kind
from scaffold.source.python.objects import External, SourceClass
from scaffold.source.torch.attributes import MODULE_FIELDS
from scaffold.source.torch.module import Module
from scaffold.source.transformers import config_object, earlier
from scaffold.source.transformers.auto import AutoClass, ConfigTable, Part
from scaffold.source.transformers.config_class import ConfigInit, is_config_class
from scaffold.source.transformers.config_methods import METHODS
from scaffold.source.transformers.config_object import Config, PerLayerConfigs
from scaffold.source.transformers.protocol import Interpreter
from scaffold.source.transformers.tables import ActivationTable, AttentionTable, ModelOutput


def _output_attribute(interpreter: Interpreter, output: ModelOutput, name: str) -> Any:
    return container_attribute(interpreter, output, name) if name in CONTAINER_METHODS[dict] else output.field(name)


def _auto_attribute(interpreter: Interpreter, auto_class: AutoClass, name: str) -> Any:
    if name not in ("from_config", "_from_config"):
        raise NotUnderstood(f"AutoModel.{name}")
    return partial(auto_class.from_config, interpreter)


def _attention_attribute(interpreter: Interpreter, table: AttentionTable, name: str) -> Any:
    if name != "get_interface":
        raise Raised(f"the attribute {name!r} of ALL_ATTENTION_FUNCTIONS", kind="AttributeError")
    return table.get_interface


# --- models


def _init_model(interpreter: Interpreter, module: Module, *args: Any, **_: Any) -> None:
    """``PreTrainedModel.__init__`` keeps the config; ``nn.Module.__init__`` is given none."""
    if args:
        module.attributes["config"] = args[0]


def _input_embeddings(interpreter: Interpreter, module: Module) -> Any:
    """Look where ``EmbeddingAccessMixin`` of transformers' modeling_utils.py looks; None where it finds nothing."""
    get = partial(get_attribute, interpreter, module)
    own = get(get("_input_embed_layer", "embed_tokens"), None)
    if own is not None:
        return own
    for name in ("model", "language_model"):
        inner = module.attributes.get(name)
        if isinstance(inner, Module):
            return interpreter.call(interpreter.attribute(inner, "get_input_embeddings"), [], {}, "")
    return None


def _nothing(interpreter: Interpreter, module: Module, *_: Any, **__: Any) -> None:
    return None


def _class_attribute(interpreter: Interpreter, cls: SourceClass, name: str) -> Any:
    """Return what a class has of ``PreTrainedModel`` and ``PreTrainedConfig``, else what its body says."""
    if cls.method(name) is None:
        if name in ("from_config", "_from_config") and any(one.name == "PreTrainedModel" for one in cls.ancestry):
            return partial(_made, interpreter, cls)
        if name == "__init__" and is_config_class(cls):
            return ConfigInit(cls)
    return class_attribute(interpreter, cls, name)


def _made(interpreter: Interpreter, cls: SourceClass, config: Any, *_: Any, **__: Any) -> Any:
    """Return the model of a config; a part that is no language model says so when it is used."""
    if isinstance(config, Config):
        part = get_attribute(interpreter, config, "base_config_key", "")
        if part and part != "text_config":
            return Part(str(config.look_up(interpreter, "model_type")))
    return interpreter.instantiate(cls, [config], {})


MODEL_METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _init_model,
    "post_init": _nothing,
    "__post_init__": _nothing,
    "get_input_embeddings": _input_embeddings,
    **dict.fromkeys(("warn_if_padding_and_no_attention_mask", "init_weights", "tie_weights"), _nothing),
    **earlier.MODEL_METHODS,
}
"""What source calls on ``PreTrainedModel``, beyond what ``nn.Module`` has."""


def _is_output(cls: SourceClass) -> bool:
    return any(isinstance(base, External) and "Output" in base.name for base in cls.ancestry)


def _is_activation_table(cls: SourceClass) -> bool:
    """Return whether a class is that of ``ACT2FN``, as its own file makes it (src/transformers/activations.py)."""
    return cls.name == "ClassInstantier"


def _part_attribute(interpreter: Any, part: Part, name: str) -> Any:
    """Return what a part that is not made has as every model has it; all else of it is not known."""
    return MODULE_FIELDS[name] if name in MODULE_FIELDS else instance_attribute(interpreter, part, name)


KINDS = (
    Kind(Part, attribute=_part_attribute),
    Kind(
        Config,
        attribute=lambda interpreter, config, name: config.look_up(interpreter, name),
        set_attribute=lambda interpreter, config, name, new: config.store(interpreter, name, new),
        methods=METHODS,
    ),
    Kind(Module, methods=MODEL_METHODS),
    Kind(SourceClass, attribute=_class_attribute),
    Kind(ModelOutput, attribute=_output_attribute, item=lambda _, output, key: output.field(key)),
    Kind(PerLayerConfigs, item=lambda _, configs, index: configs[index]),
    Kind(AttentionTable, attribute=_attention_attribute),
    Kind(ActivationTable, item=lambda interpreter, table, name: table.activation(interpreter, name)),
    Kind(ConfigTable, item=lambda interpreter, table, model_type: table.config_class(interpreter, model_type)),
    Kind(AutoClass, attribute=_auto_attribute),
)
BASES = (
    Base(is_config_class, lambda interpreter, cls, args, kwargs: config_object.make(interpreter, cls, kwargs)),
    Base(_is_output, lambda interpreter, cls, args, kwargs: ModelOutput(kwargs)),
    Base(_is_activation_table, lambda interpreter, cls, args, kwargs: ActivationTable(lambda: args[0])),
)
