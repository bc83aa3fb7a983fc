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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.expressions.evaluate import PER_LAYER, of_single_layers
from scaffold.rendering.fragment import fill
from scaffold.vocabulary.lookup import key_of, spellings
from scaffold_validators.syntax import nodes

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
        objects: keys that hold a config, which is read as one (``config.ffn_config.moe_top_k``), each with what
            ``config.json`` leaves out of it.
        computed: what the model's own class makes another number or word of than ``config.json`` says, such as a
            vocabulary that it fills up.
        computed_inside: keys that hold a config, each with such numbers and words of it.
    """

    class_name: str
    model_type: str
    attribute_map: Mapping[str, str]
    defaults: Mapping[str, Any]
    objects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    computed: Mapping[str, Any] = field(default_factory=dict)
    computed_inside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


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
    read = {*read_by(adapter), *(key for key in keys.values() if key is not None)}
    defaults = {key: completed[key] for key in sorted(read) if key in completed and key not in written}
    literal = {key: value for key, value in defaults.items() if _is_literal(value)}
    if PER_LAYER in literal:  # transformers makes such a config of nothing, too, and asks what layers differ from
        needed = {key_of("num_layers", completed), *of_single_layers(completed)}
        literal |= {key: completed[key] for key in sorted(filter(None, needed)) if key in completed}
    inside = {key: _left_out(adapter, key, written, completed[key]) for key in _objects_read_by(adapter, completed)}
    literal = {key: value for key, value in literal.items() if key not in inside}
    other = {key: completed[key] for key in sorted(read & written.keys()) if key in completed}
    computed = {key: value for key, value in other.items() if _is_scalar(value) and value != written[key]}
    changed = {key: _changed(adapter, key, written, completed[key]) for key in inside}
    computed_inside = {key: values for key, values in changed.items() if values}
    return ConfigObject(class_name, model_type, elsewhere, literal, inside, computed, computed_inside)


def _objects_read_by(adapter: str, completed: Mapping[str, Any]) -> list[str]:
    """Return the keys that an adapter reads attributes of, and that hold mappings: ``config.key.attribute``."""
    found = {path[0] for path in _paths_read_by(adapter) if len(path) > 1}
    return sorted(key for key in found if isinstance(completed.get(key), Mapping))


def _left_out(adapter: str, key: str, written: Mapping[str, Any], completed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an adapter reads of an object of the config that ``config.json`` does not have there."""
    stated = written.get(key) or {}
    missing = {name: completed[name] for name in _read_of(adapter, key, completed) if name not in stated}
    return {name: value for name, value in missing.items() if _is_literal(value)}


def _changed(adapter: str, key: str, written: Mapping[str, Any], completed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an adapter reads of an object of the config that is other than ``config.json`` says there."""
    stated = written.get(key)
    if not isinstance(stated, Mapping):
        return {}
    both = {name: completed[name] for name in _read_of(adapter, key, completed) if name in stated}
    return {name: value for name, value in both.items() if _is_scalar(value) and value != stated[name]}


def _read_of(adapter: str, key: str, completed: Mapping[str, Any]) -> list[str]:
    """Return the keys of an object of the config that an adapter reads."""
    read = {path[1] for path in _paths_read_by(adapter) if len(path) > 1 and path[0] == key}
    return sorted(read & completed.keys())


def write(config: ConfigObject, title: str, licence_header: str, instead: str = "") -> str:
    """Return the text of a module with the class, not laid out yet.

    Args:
        config: the class.
        title: the model's name.
        licence_header: as comment lines.
        instead: why transformers' own class for the model type is none for it; empty where there is none.
    """
    return fill(TEMPLATE, config=config, title=title, licence_header=licence_header, instead=instead, repr=repr)


def read_by(adapter: str) -> set[str]:
    """Return the keys that an adapter reads of its config: ``config.key``, ``getattr(self.config, "key", …)``."""
    return {path[0] for path in _paths_read_by(adapter)}


def _paths_read_by(adapter: str) -> set[tuple[str, ...]]:
    """Return what an adapter reads of its config, attributes of attributes too, the shorter ones as well."""
    found: set[tuple[str, ...]] = set()
    for node in nodes(adapter):
        path: list[str] = []
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[of, ast.Constant(value=str(key)), *_]):
                node, path = of, [key]
        while isinstance(node, ast.Attribute) and node.attr != "config":
            path.insert(0, node.attr)
            node = node.value
        is_config = isinstance(node, ast.Attribute) or (isinstance(node, ast.Name) and node.id == "config")
        if path and is_config:
            found.add(tuple(path))
    return found


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value))


def _is_literal(value: Any) -> bool:
    """Return whether Python writes the value as it is read."""
    if isinstance(value, Mapping):
        return all(isinstance(key, (str, int)) and _is_literal(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_literal, value))
    return _is_scalar(value)
