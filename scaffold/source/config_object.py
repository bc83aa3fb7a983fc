"""The config as modeling source sees it: the checkpoint's values, then the config class's own defaults."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scaffold.source.config_values import keyed
from scaffold.source.errors import NotUnderstood
from scaffold.source.objects import Function, Module, SourceClass

if TYPE_CHECKING:
    from scaffold.source.interpreter import Interpreter

BASE_DEFAULTS: dict[str, Any] = {
    "_attn_implementation": "eager",
    "_experts_implementation": "eager",
    "attention_dropout": 0.0,
    "chunk_size_feed_forward": 0,
    "is_encoder_decoder": False,
    "output_attentions": False,
    "output_hidden_states": False,
    "pad_token_id": None,
    "pruned_heads": {},
    "return_dict": True,
    "tie_word_embeddings": True,
    "use_cache": False,
}
"""Defaults of ``PreTrainedConfig`` (transformers: src/transformers/configuration_utils.py)."""


class Config(Module):
    """A config object. ``derived`` are attributes that the config class itself computed."""

    def __init__(self, values: Mapping[str, Any], cls: SourceClass | None) -> None:
        super().__init__(cls)
        self.attributes = {key: keyed(value, key) for key, value in values.items()}

    @property
    def kind(self) -> str:
        """Return the name of the config class, or a word for one without a class."""
        return self.cls.name if self.cls else "config"

    def complete(self, interpreter: Interpreter) -> None:
        """Bring older spellings into today's form and run the config class's own completion."""
        given = set(self.attributes)
        self.attributes.setdefault("rope_parameters", None)
        if not self.attributes["rope_parameters"]:
            self.attributes["rope_parameters"] = self._rope_parameters(interpreter)
        found = self.cls.method("__post_init__") if self.cls else None
        if found:
            function = Function(found[0].file, found[1], {}, self, found[0])
            interpreter.call_function(function, [], {})
        for name in set(self.attributes) - given:
            self.attributes[name] = keyed(self.attributes[name], name)

    def _rope_parameters(self, interpreter: Interpreter) -> Any:
        """Do what ``PreTrainedConfig.standardize_rope_params`` does for the older keys."""
        theta = self.attributes.get("rope_theta") or self._class_constant(interpreter, "default_theta")
        if theta is None:
            return None
        scaling = dict(self.attributes.get("rope_scaling") or {})
        kind = scaling.pop("type", None) or scaling.pop("rope_type", None) or "default"
        return keyed({"rope_type": kind, "rope_theta": theta, **scaling}, "rope_parameters")

    def _class_constant(self, interpreter: Interpreter, name: str) -> Any:
        if self.cls is None:
            return None
        try:
            return interpreter.attribute(self.cls, name)
        except NotUnderstood:
            return None

    def look_up(self, interpreter: Interpreter, name: str) -> Any:
        """Return ``config.name``.

        Raises:
            NotUnderstood: neither the checkpoint nor the config class has it.
        """
        if name in self.attributes:
            return self.attributes[name]
        if name == "get_text_config":
            return lambda *_, **__: self
        if self.cls is not None:
            renamed = self._class_constant(interpreter, "attribute_map") or {}
            if name in renamed:
                return self.look_up(interpreter, renamed[name])
            found = self.cls.method(name)
            if found:
                function = Function(found[0].file, found[1], {}, self, found[0])
                if any(isinstance(d, ast.Name) and d.id == "property" for d in found[1].decorator_list):
                    return interpreter.call_function(function, [], {})
                return function
            try:
                return keyed(interpreter.attribute(self.cls, name), name)
            except NotUnderstood:
                pass
        if name in BASE_DEFAULTS:
            return BASE_DEFAULTS[name]
        raise NotUnderstood(f"the config key {name!r}, which config.json does not have")
