"""The config object of a model that transformers does not know: its own class is remote code, so vLLM gets another.

Without it vLLM loads such a config with ``--trust-remote-code`` only (vllm/transformers_utils/config.py, class
``HFConfigParser``). The class keeps what ``config.json`` says. What that leaves out and the adapter reads is as the
model's own class completes it, which was read and not run; where vLLM asks by another name than the config has,
``attribute_map`` leads there (transformers: configuration_utils.py).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.rendering.fragment import fill
from scaffold.vocabulary.lookup import key_of, spellings

TEMPLATE = Path(__file__).with_suffix(".py.jinja")
ROLES = ("hidden_size", "num_layers", "num_heads", "num_kv_heads", "head_dim", "vocab_size")
"""What vLLM asks of every config, by the most usual spelling (transformers_utils/model_arch_config_convertor.py)."""


@dataclass(frozen=True)
class ConfigObject:
    """A class that keeps a config.

    Attributes:
        model_type: what ``config.json`` calls it.
        attribute_map: name that vLLM asks by → key of the config.
        defaults: what ``config.json`` leaves out.
    """

    class_name: str
    model_type: str
    attribute_map: Mapping[str, str]
    defaults: Mapping[str, Any]


def config_object(
    class_name: str, model_type: str, written: Mapping[str, Any], completed: Mapping[str, Any], adapter: str
) -> ConfigObject:
    """Return the class for an adapter.

    Args:
        class_name: its name.
        model_type: what the config says of itself.
        written: ``config.json``.
        completed: the same with what the model's own class adds.
        adapter: the text of the adapter.
    """
    keys = {spellings(role)[0]: key_of(role, completed) for role in ROLES}
    elsewhere = {name: key for name, key in keys.items() if key is not None and key != name and "." not in key}
    read = {*_read_by(adapter), *(key for key in keys.values() if key is not None)}
    defaults = {key: completed[key] for key in sorted(read) if key in completed and key not in written}
    literal = {key: value for key, value in defaults.items() if _is_literal(value)}
    return ConfigObject(class_name, model_type, elsewhere, literal)


def write(config: ConfigObject, title: str, licence_header: str) -> str:
    """Return the text of a module with the class, not laid out yet."""
    return fill(TEMPLATE, config=config, title=title, licence_header=licence_header, repr=repr)


def _read_by(adapter: str) -> set[str]:
    """Return the keys that an adapter reads of its config: ``config.key``, ``self.config.key``."""
    found = (node for node in ast.walk(ast.parse(adapter)) if isinstance(node, ast.Attribute))
    return {
        node.attr
        for node in found
        if (isinstance(node.value, ast.Name) and node.value.id == "config")
        or (isinstance(node.value, ast.Attribute) and node.value.attr == "config")
    }


def _is_literal(value: Any) -> bool:
    """Return whether Python writes the value as it is read."""
    if isinstance(value, Mapping):
        return all(isinstance(key, (str, int)) and _is_literal(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_literal, value))
    return value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value))
