"""Config values that remember their key, so that a fact can name the key it came from."""

from __future__ import annotations

from typing import Any

FLOATS = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
"""Numbers that JSON has no word for, as ``config.json`` has them."""


class Keyed:
    """Mixed into ``int``, ``float`` and ``str``: ``key`` is the config key that the value was read from."""

    key: str


class KeyedInt(Keyed, int):
    """An ``int`` with its config key."""


class KeyedFloat(Keyed, float):
    """A ``float`` with its config key."""


class KeyedStr(Keyed, str):
    """A ``str`` with its config key."""


def keyed(value: Any, key: str) -> Any:
    """Return ``value`` with its key; dictionaries and lists hand it on; bools and None cannot carry one."""
    if isinstance(value, (bool, type(None), Keyed)):
        return value
    for plain, tagged in ((int, KeyedInt), (float, KeyedFloat), (str, KeyedStr)):
        if isinstance(value, plain):
            result = tagged(value)
            result.key = key
            return result
    if isinstance(value, dict):
        return {k: keyed(v, f"{key}[{k!r}]") for k, v in value.items()}
    return value


def key_of(value: Any) -> str | None:
    """Return the config key of a value, or None for a value that was computed."""
    return value.key if isinstance(value, Keyed) else None


def untagged(value: Any) -> Any:
    """Return a value of ``config.json`` with the numbers that JSON has no word for (``{"__float__": "Infinity"}``)."""
    if isinstance(value, dict):
        if set(value) == {"__float__"} and value["__float__"] in FLOATS:
            return FLOATS[value["__float__"]]
        return {key: untagged(one) for key, one in value.items()}
    return [untagged(one) for one in value] if isinstance(value, list) else value
