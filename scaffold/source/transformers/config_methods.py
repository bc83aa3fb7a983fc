"""What ``PreTrainedConfig`` and its mixins offer to config classes and modeling source by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scaffold.source.transformers import config_rope
from scaffold.source.transformers.config_defaults import OLD_LAYER_TYPES
from scaffold.source.transformers.protocol import Interpreter

if TYPE_CHECKING:
    from scaffold.source.transformers.config_object import Config


def of_base_class(interpreter: Interpreter, name: str, config: Config, *args: Any, **kwargs: Any) -> Any:
    """Call ``PreTrainedConfig.<name>`` with the config as its first argument, as some classes do."""
    return METHODS[name](interpreter, config, *args, **kwargs)


def remapped(interpreter: Interpreter, layer_types: Any = None, config: Config | None = None) -> Any:
    """Do what ``remap_legacy_layer_types`` does: today's names of layer types."""
    if layer_types is not None:
        return [OLD_LAYER_TYPES.get(kind, kind) for kind in layer_types]
    if config is not None:
        config.rename_layer_types(interpreter)
    return None


def _to_dict(interpreter: Interpreter, config: Config) -> dict[str, Any]:
    return dict(config.attributes)


def _nothing(interpreter: Interpreter, config: Config, *_: Any, **__: Any) -> None:
    return None


METHODS: dict[str, Callable[..., Any]] = {
    "__init__": lambda interpreter, config, **kwargs: config.generated_init(interpreter, **kwargs),
    "__post_init__": lambda interpreter, config, **kwargs: config.post_init(interpreter, **kwargs),
    "convert_rope_params_to_dict": lambda interpreter, config, **kwargs: config.convert_rope(interpreter, **kwargs),
    "get_text_config": lambda interpreter, config, *_, **__: config.text_part(),
    "standardize_rope_params": lambda interpreter, config: config.standardize_rope(interpreter),
    "nested_rope_parameter_keys": lambda interpreter, config, parameters: config_rope.nested_keys(
        parameters, config.getter(interpreter)
    ),
    "to_dict": _to_dict,
    "validate_rope": _nothing,
    "rope_config_validation": _nothing,
}
"""What ``PreTrainedConfig`` and its mixins offer to config classes and modeling source."""
