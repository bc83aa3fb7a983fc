"""The boundary of ``config.json``: keys that this tool uses must have the type with which they are used.

The vocabulary lists these keys, with their types from ``TYPES``. A key that is not in it is not looked
at. ``null`` stands for a missing key. Sizes may be lists with a value per layer, as some published configs
have them (``intermediate_size`` of Gemma 3n).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from scaffold.checkpoint.text import shown
from scaffold.common.errors import CheckpointError
from scaffold.vocabulary.lookup import at, spellings, value_of
from scaffold.vocabulary.rows import rows

MAX_COUNT = 2**40
"""No size of a model is larger, and products of two such sizes stay far below the limits of numbers."""
MAX_LAYERS = 10_000
"""Many objects are made per layer; no published model has a tenth of this number of layers."""
PER_LAYER = "per_layer"
"""The type of sizes whose lists have a value for each layer."""


def _is_count(value: Any) -> bool:
    """Return whether it counts something; ``false``, as some configs have it for a switched-off feature, is zero."""
    return value is False or (type(value) is int and 0 <= value < MAX_COUNT)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 < value < MAX_COUNT


def _is_layers(value: Any) -> bool:
    return _is_size(value) and value <= MAX_LAYERS


def _is_number(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < MAX_COUNT
    return type(value) is float and math.isfinite(value)


def _or_list(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: holds(value) or (isinstance(value, list) and all(v is None or holds(v) for v in value))


Check = tuple[Callable[[Any], bool], str]
COUNT: Check = (_is_count, "a whole number from 0")
SIZE: Check = (_is_size, f"a whole number from 1 to {MAX_COUNT:,}")
LAYER_COUNT: Check = (_is_layers, f"a whole number from 1 to {MAX_LAYERS:,}")
SIZES: Check = (_or_list(_is_size), f"a whole number from 1 to {MAX_COUNT:,}, or a list of them")
COUNTS: Check = (_or_list(_is_count), "a whole number from 0, or a list of them")
LIMITS: Check = (_or_list(lambda v: _is_count(v) or v == -1), "a whole number, or a list of them")
NUMBER: Check = (_is_number, "a finite number")
NUMBERS: Check = (_or_list(_is_number), "a finite number, or a list of them")
"""Bits of a weight may be a mean, such as 4.5."""
FLAG: Check = (lambda value: isinstance(value, bool), "true or false")
WORD: Check = (lambda value: isinstance(value, str), "a word")
WORDS: Check = (
    lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
    "a list of words",
)
OBJECT: Check = (lambda value: isinstance(value, dict), "an object")
DTYPE: Check = (lambda value: isinstance(value, (str, dict)), "a data type such as 'bfloat16'")

TYPES: Mapping[str, Check] = {
    "count": COUNT, "counts": COUNTS, "size": SIZE, "sizes": SIZES, PER_LAYER: SIZES, "layer_count": LAYER_COUNT,
    "limits": LIMITS, "number": NUMBER, "flag": FLAG, "word": WORD, "words": WORDS, "object": OBJECT, "dtype": DTYPE,
}  # fmt: skip
"""The types that rows of the vocabulary name."""
ROPE: Mapping[str, Check] = dict.fromkeys(
    ("rope_theta", "factor", "partial_rotary_factor", "original_max_position_embeddings", "attention_factor",
     "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "low_freq_factor", "high_freq_factor"),
    NUMBER,
) | dict.fromkeys(("rope_type", "type"), WORD)  # fmt: skip
QUANTIZATION: Mapping[str, Check] = {
    "quant_method": WORD, "fmt": WORD, "format": WORD, "activation_scheme": WORD, "bits": NUMBERS, "w_bit": NUMBERS,
    "group_size": LIMITS, "q_group_size": LIMITS, "weight_block_size": SIZES, "config_groups": OBJECT, "desc_act": FLAG,
}  # fmt: skip


@cache
def config_table() -> Mapping[str, Check]:
    """Return the checked keys of a config, and of the text config in it: key → type of its value."""
    return {key: TYPES[row.type] for row in rows().values() if row.type is not None for key in row.keys}


def check_config(config: Mapping[str, Any]) -> None:
    """Check the types of all keys that are used.

    Raises:
        CheckpointError: a value has another type.
    """
    for where, part, table in _parts(config):
        for key, (holds, expected) in table.items():
            value = at(part, key)
            if value is not None and not holds(value):
                raise wrong(f"{where}{key}", value, expected)
        _check_lists(where, part)


def _check_lists(where: str, part: Mapping[str, Any]) -> None:
    """Check that a list of heads has a number for each layer."""
    layers = value_of("num_layers", part)
    per_layer = [key for row in rows().values() if row.type == PER_LAYER for key in row.keys]
    for key in per_layer if layers is not None else ():
        value = at(part, key)
        if isinstance(value, list) and len(value) != layers:
            raise wrong(f"{where}{key}", value, f"a number, or a list of {layers}, one for each layer")


def wrong(key: str, value: Any, expected: str) -> CheckpointError:
    """Return the error for a value of the wrong type."""
    return CheckpointError(
        shown(value),
        where=f"config.json, {key}",
        expected=expected,
        remedy="correct config.json, or download it again",
    )


def _parts(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Check]]]:
    """Yield each object of the config that is used: its place, the object, and the table for it."""
    for where, part in [("", config), *((f"{key}.", config[key]) for key in _objects("text_config", config))]:
        yield where, part, config_table()
        for key in _objects("rope_parameters", part):
            rope = part[key]
            yield f"{where}{key}.", rope, ROPE
            for kind, inner in rope.items():  # an object per kind of layer (Gemma 3)
                if isinstance(inner, dict):
                    yield f"{where}{key}.{shown(kind)}.", inner, ROPE
        for key in _objects("quantization", part):
            yield f"{where}{key}.", part[key], QUANTIZATION


def _objects(role: str, part: Mapping[str, Any]) -> list[str]:
    """Return the spellings of a role under which a part of the config has an object."""
    return [key for key in spellings(role) if isinstance(part.get(key), dict)]
