"""Rotary parameters of a config in today's form, whatever older spelling the checkpoint uses.

What ``RotaryEmbeddingConfigMixin`` does in transformers 5 (src/transformers/modeling_rope_utils.py): the older keys
``rope_theta``, ``rope_scaling`` and ``partial_rotary_factor`` move into ``rope_parameters``, which is one dictionary,
or one per layer type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DEFAULT_THETA = 10_000.0
SCALED_FROM_A_LENGTH = ("llama3", "yarn", "longrope")
"""Types that need ``original_max_position_embeddings``."""
OLDER = ("su",)
"""What one of them was called: read as it was meant, which the library's own classes may refuse."""

Get = Callable[..., Any]
"""``get(name, default)``: an attribute of the config."""


def nested_keys(parameters: Mapping[str, Any], get: Get) -> list[str]:
    """Return the layer types that the parameters are nested under, none where they are flat."""
    labels = get("_rope_type_labels", None) or get("layer_types", None) or ()
    return [key for key in parameters if key in labels]


def merged(kwargs: dict[str, Any], get: Get, older: tuple[str, ...] = OLDER) -> dict[str, Any]:
    """Return ``rope_parameters`` with the older keys in it; those are taken out of ``kwargs``."""
    parameters = _copy(kwargs.pop("rope_scaling", None) or get("rope_parameters", None) or {})
    theta = kwargs.pop("rope_theta", get("rope_theta", get("default_theta", DEFAULT_THETA)))
    partial = kwargs.get("partial_rotary_factor", get("partial_rotary_factor", None))
    for one in each(parameters, get):
        one.setdefault("rope_theta", theta)
        if partial is not None:
            one.setdefault("partial_rotary_factor", partial)
    return standard(parameters, get, older)


def standard(parameters: Mapping[str, Any], get: Get, older: tuple[str, ...] = OLDER) -> dict[str, Any]:
    """Return the parameters with type, base and original length filled in.

    Args:
        parameters: ``rope_parameters``.
        get: attributes of the config.
        older: further names of types that are scaled from a length.
    """
    parameters = _copy(parameters)
    theta, partial = get("rope_theta", None), get("partial_rotary_factor", None)
    default_type = get("default_rope_type", "default")
    nested = nested_keys(parameters, get)
    if not (parameters or theta):
        return parameters
    for one in each(parameters, get):
        one.setdefault("rope_type", one.get("type", "default"))
        one.setdefault("rope_theta", theta)
        if partial is not None:
            one.setdefault("partial_rotary_factor", partial)
        if one["rope_type"] == "default":
            one["rope_type"] = default_type
        if one["rope_type"] in (*SCALED_FROM_A_LENGTH, *older):
            original = None if nested else get("original_max_position_embeddings", None)
            if original is not None:
                one["original_max_position_embeddings"] = original
            else:
                one.setdefault("original_max_position_embeddings", get("max_position_embeddings", None))
    return parameters


def each(parameters: Mapping[str, Any], get: Get) -> list[dict[str, Any]]:
    """Return the parameters of each layer type; where they are not nested, themselves."""
    keys = nested_keys(parameters, get)
    found = [parameters[key] for key in keys] if keys else [parameters]
    return [one for one in found if isinstance(one, dict)]


def earlier(parameters: Any) -> dict[str, Any]:
    """Return what configs of transformers 4 have beside each other, of the parameters of all layers (4.43 to 4.57).

    ``rope_scaling`` is None where nothing is scaled. Parameters for each layer type had no common form.
    """
    if not isinstance(parameters, dict) or any(isinstance(one, dict) for one in parameters.values()):
        return {}
    beside = {key: parameters[key] for key in ("rope_theta", "partial_rotary_factor") if key in parameters}
    scaling = {key: value for key, value in parameters.items() if key not in beside}
    is_plain = scaling.keys() <= {"rope_type"} and scaling.get("rope_type", "default") == "default"
    return {**beside, "rope_scaling": None if is_plain else scaling}


def _copy(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {key: dict(value) if isinstance(value, dict) else value for key, value in parameters.items()}
