"""Factors on q that depend on the position: the canonical forms, and which of them a model uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scaffold.expressions.evaluate import look_up
from scaffold.expressions.tree import Key, key
from scaffold.probing.probe import Probe
from scaffold.source.torch.tensors import Array
from scaffold.spec.values import Value


@dataclass(frozen=True)
class PositionScale:
    """A form: what it computes of positions ``[tokens]``, and the config keys of its numbers.

    Attributes:
        keys: for each number its key.
        code: Python that computes it of ``positions`` in an adapter, the numbers by their place.
    """

    name: str
    compute: Callable[..., Array]
    keys: tuple[Key, ...]
    code: str


POSITION_SCALES = (
    PositionScale(
        "log of blocks",
        lambda p, floor, scale: np.log1p(np.floor((p + 1.0) / floor)) * scale + 1.0,
        (key("floor_scale"), key("attn_scale")),
        "torch.log1p(torch.floor((positions.float() + 1.0) / {0})) * {1} + 1.0",
    ),
    PositionScale(
        "log of trained lengths",
        lambda p, beta, length: 1.0 + beta * np.log1p(np.floor(p / length)),
        (
            key("rope_parameters", "llama_4_scaling_beta"),
            key("rope_parameters", "original_max_position_embeddings"),
        ),
        "1.0 + {0} * torch.log1p(torch.floor(positions.float() / {1}))",
    ),
)
"""Llama 4's temperature tuning; Ministral 3's. transformers: models/{llama4,ministral3}/modeling_*.py."""


def forms(probe: Probe, tokens: int) -> Iterator[tuple[PositionScale, tuple[Value, ...], Array]]:
    """Yield the forms whose numbers the config has, with these and the factors ``[tokens]`` that are not all 1."""
    positions = np.arange(tokens)
    for form in POSITION_SCALES:
        seen = [_number(probe.small.attributes, key) for key in form.keys]
        real = [_number(probe.completed, key) for key in form.keys]
        if all(isinstance(number, (int, float)) for number in (*seen, *real)):
            factors = form.compute(positions, *seen)
            if not np.all(factors == 1.0):
                yield form, tuple(_value(key, number) for key, number in zip(form.keys, real)), factors


def _number(config: Mapping[str, Any], key: Key) -> Any:
    try:
        return look_up(config, key.path)
    except (LookupError, TypeError):
        return None


def _value(key: Key, number: object) -> Value:
    return Value(number, key.path[0]) if len(key.path) == 1 else Value(number, None, key)
