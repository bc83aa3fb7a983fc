"""Factors on q that depend on the position: the canonical forms, and which of them a model uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from scaffold.probing.probe import Probe
from scaffold.source.torch.tensors import Array
from scaffold.spec.facts import Value


@dataclass(frozen=True)
class PositionScale:
    """A form: what it computes of positions ``[tokens]``, and the config keys of its numbers.

    Attributes:
        keys: for each number its key; a dot leads into a dictionary.
        code: Python that computes it of ``positions`` in an adapter, the numbers by their place.
    """

    name: str
    compute: Callable[..., Array]
    keys: tuple[str, ...]
    code: str


POSITION_SCALES = (
    PositionScale(
        "log of blocks",
        lambda p, floor, scale: np.log1p(np.floor((p + 1.0) / floor)) * scale + 1.0,
        ("floor_scale", "attn_scale"),
        "torch.log1p(torch.floor((positions.float() + 1.0) / {0})) * {1} + 1.0",
    ),
    PositionScale(
        "log of trained lengths",
        lambda p, beta, length: 1.0 + beta * np.log1p(np.floor(p / length)),
        ("rope_parameters.llama_4_scaling_beta", "rope_parameters.original_max_position_embeddings"),
        "1.0 + {0} * torch.log1p(torch.floor(positions.float() / {1}))",
    ),
)
"""Llama 4's temperature tuning; Ministral 3's. transformers: models/{llama4,ministral3}/modeling_*.py."""


def forms(probe: Probe, tokens: int) -> Iterator[tuple[PositionScale, tuple[Value, ...], Array]]:
    """Yield the forms whose numbers the config has, with these and the factors ``[tokens]`` that are not all 1."""
    positions = np.arange(tokens)
    for form in POSITION_SCALES:
        seen = [_look_up(probe.small.attributes, key) for key in form.keys]
        real = [_look_up(probe.completed, key) for key in form.keys]
        if all(isinstance(number, (int, float)) for number in (*seen, *real)):
            factors = form.compute(positions, *seen)
            if not np.all(factors == 1.0):
                yield form, tuple(_value(key, number) for key, number in zip(form.keys, real)), factors


def _look_up(config: object, key: str) -> object:
    for part in key.split("."):
        config = config.get(part) if isinstance(config, dict) else None
    return config


def _value(key: str, number: object) -> Value:
    if "." not in key:
        return Value(number, key)
    first, *rest = key.split(".")
    return Value(number, None, f"config.{first}" + "".join(f'["{part}"]' for part in rest))
