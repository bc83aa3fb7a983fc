"""The checkpoint's config as the model sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scaffold.ascend.values import (
    UNKNOWN,
    Elements,
    Settings,
    Values,
    constant,
    join,
)

if TYPE_CHECKING:
    pass


def as_settings(config: object, text: bool = False) -> Values:
    """Return what the checkpoint's config is; of a text config, where there is one inside, that one."""
    if not isinstance(config, Mapping):
        return UNKNOWN
    inner = config.get("text_config") if text else None
    held = inner if isinstance(inner, Mapping) else config
    items = {**held, **({} if "rope_parameters" in held else {"rope_parameters": _rope(held)})}
    return frozenset({Settings(tuple((str(key), _setting(item)) for key, item in items.items()))})


def _rope(config: Mapping[str, object]) -> dict[str, object]:
    """Return the rotation's parameters as vLLM completes them (vllm/transformers_utils/config.py)."""
    given = config.get("rope_scaling")
    scaling = dict(given) if isinstance(given, Mapping) else {}
    kind = scaling.get("rope_type") or scaling.get("type") or "default"
    shared = {key: config[key] for key in ("rope_theta", "partial_rotary_factor") if key in config}
    return {**shared, **scaling, "rope_type": kind}


def _setting(value: object) -> Values:
    if isinstance(value, Mapping):
        return frozenset({Settings(tuple((str(key), _setting(item)) for key, item in value.items()), whole=True)})
    if isinstance(value, list):
        return frozenset({Elements(join(_setting(item) for item in value[:64]))})
    return constant(value) if isinstance(value, str | int | float | bool | None) else UNKNOWN
