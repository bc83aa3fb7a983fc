"""A config cut to its first layers: what numbers layers or lists something for each of them is cut alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scaffold.vocabulary.lookup import at, spellings, value_of
from scaffold.vocabulary.rows import rows

Config = dict[str, Any]

NOT_PER_LAYER = ("rope_parameters", "quantization", "architectures", "text_config", "vision_config", "audio_config")
"""Roles whose lists are as long as something else, even where that is as many as there are layers."""
NUMBERED_FROM_ONE = ("linear_attn_config.full_attn_layers", "linear_attn_config.kda_layers")
"""Keys of lists of layer numbers that begin at 1: Kimi-Linear, configuration_kimi.py (``is_kda_layer``)."""
PATTERNS = ("hybrid_override_pattern",)
"""Keys of words with a letter for each layer: Nemotron-H, configuration_nemotron_h.py."""
REPEATED = ("attention_types",)
"""Keys of lists of ``[kinds, times]``: GPT-Neo, configuration_gpt_neo.py (``expand_attention_types_params``)."""


def layer_count(config: Mapping[str, Any]) -> int | None:
    """Return the number of layers that a text config has; None if it does not say."""
    value = value_of("num_layers", config)
    return value if type(value) is int and value > 0 else None


def sliced_config(config: Mapping[str, Any], text_key: str, layers: int) -> Config:
    """Return a whole config with only the first layers of its language model.

    Args:
        config: of the checkpoint.
        text_key: where the text config lies; empty where it is the whole.
        layers: how many stay; fewer than there are.
    """
    text = config[text_key] if text_key else config
    count = layer_count(text)
    if count is None or not 0 < layers <= count:
        raise ValueError(f"{layers} of {count} layers")
    cut = sliced_text_config(text, count, layers)
    if not text_key:
        return cut
    outer = dict(config)
    for key in spellings("num_layers"):  # some configs say it on both levels
        if outer.get(key) == count:
            outer[key] = layers
    return {**outer, text_key: cut}


def sliced_text_config(config: Mapping[str, Any], count: int, layers: int) -> Config:
    """Return a text config of ``count`` layers with the first ones of them."""
    apart = {key for role in NOT_PER_LAYER for key in spellings(role)}
    result = {key: value if key in apart else _cut(key, value, count, layers) for key, value in config.items()}
    for key in spellings("num_layers"):
        _put(result, key, layers, lambda value: value == count)
    for key in _twin_keys("layer_numbers"):
        _put(result, key, [n for n in at(result, key) or () if n < layers], _is_numbers)
    for key in NUMBERED_FROM_ONE:
        _put(result, key, [n for n in at(result, key) or () if n <= layers], _is_numbers)
    for key in spellings("last_expert_layer"):
        _put(result, key, layers - 1, lambda value: type(value) is int and value >= layers)
    for key in spellings("mtp_layers"):
        _put(result, key, 0, lambda value: type(value) is int)
    for key in PATTERNS:
        _put(result, key, str(at(result, key))[:layers], lambda value: isinstance(value, str))
    for key in REPEATED:
        if isinstance(result.get(key), list):
            result[key] = [[_expanded(result[key])[:layers], 1]]
    return result


def _twin_keys(rule: str) -> tuple[str, ...]:
    """Return the keys of all roles that the twin shrinks by a rule: what they mean is the same here."""
    return tuple(key for row in rows().values() if row.twin == rule for key in row.keys)


def _cut(key: str, value: Any, count: int, layers: int) -> Any:
    """Return a value without the entries of layers that are left out, in objects too."""
    numbers = {name.rpartition(".")[2] for name in (*_twin_keys("layer_numbers"), *NUMBERED_FROM_ONE, *REPEATED)}
    if key in numbers or key.endswith(("_token_id", "_token_ids")):
        return value
    if isinstance(value, list) and len(value) == count:
        return value[:layers]
    if isinstance(value, dict):
        return {name: _cut(name, inner, count, layers) for name, inner in value.items()}
    return value


def _put(config: Config, key: str, value: Any, holds: Any) -> None:
    """Set the value under a key, in place, where there is one of which something holds; objects are copied."""
    if not holds(at(config, key)):
        return
    name, _, rest = key.partition(".")
    if rest:
        config[name] = {**config[name], rest: value}
    else:
        config[name] = value


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(number) is int for number in value)


def _expanded(kinds: list[Any]) -> list[Any]:
    return [kind for names, times in kinds for _ in range(times) for kind in names]
