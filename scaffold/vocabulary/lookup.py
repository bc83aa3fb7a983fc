"""Sizes and switches of a config by their role, under whatever spelling it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scaffold.vocabulary.rows import rows


def spellings(role: str) -> tuple[str, ...]:
    """Return the keys that a role goes by, the most usual first.

    Raises:
        KeyError: the vocabulary has no such role.
    """
    return rows()[role].keys


def key_of(role: str, config: Mapping[str, Any]) -> str | None:
    """Return the key under which a config keeps a role, or None; ``null`` stands for a key that is not there."""
    return next((key for key in spellings(role) if at(config, key) is not None), None)


def value_of(role: str, config: Mapping[str, Any]) -> Any:
    """Return the value of a role in a config, or None."""
    key = key_of(role, config)
    return None if key is None else at(config, key)


def at(config: Mapping[str, Any], key: str) -> Any:
    """Return the value under a key, which may lead into objects (``attn_config.kv_n_heads``), or None."""
    value: Any = config
    for name in key.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def replaced(config: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with other values under keys that it has; objects that the keys lead into are copied."""
    result = dict(config)
    for key, value in values.items():
        name, _, rest = key.partition(".")
        result[name] = replaced(result[name], {rest: value}) if rest else value
    return result
