"""Rotary embeddings: the canonical rotations, and which of them lies between a projection and the attention."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scaffold.source.tensors import Array
from scaffold.spec.facts import RopeSpec
from scaffold.spec.numeric import same


def _neox(x: Array, cos: Array, sin: Array) -> Array:
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def _interleaved(x: Array, cos: Array, sin: Array) -> Array:
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cos - odd * sin, odd * cos + even * sin], axis=-1).reshape(x.shape)


Rotation = Callable[[Array, Array, Array], Array]

ROTATIONS: dict[str, Rotation] = {
    "neox": _neox,
    "interleaved": _interleaved,
}
"""Style → rotation of ``x`` ``[..., positions, rotary_dim]`` by ``cos``/``sin`` ``[positions, rotary_dim / 2]``.

The styles are those of vLLM's ``get_rope(is_neox_style=...)``
(vllm/model_executor/layers/rotary_embedding/__init__.py).
"""

FRACTIONS = (1.0, 0.5, 0.25, 0.75)
"""Parts of the head that models are known to rotate; the config's ``partial_rotary_factor`` is tried too."""


def rotate(x: Array, style: str, fraction: float, theta: float) -> Array:
    """Rotate ``x`` ``[batch, heads, positions, head_dim]`` at positions 0, 1, 2 and so on."""
    size = int(x.shape[-1] * fraction)
    frequencies = 1.0 / theta ** (np.arange(0, size, 2) / size)
    angles = np.arange(x.shape[-2])[:, None] * frequencies
    turned = ROTATIONS[style](x[..., :size], np.cos(angles), np.sin(angles))
    return np.concatenate([turned, x[..., size:]], axis=-1)


def identify(before: Array, after: Array, theta: float, fractions: tuple[float, ...]) -> RopeSpec | None:
    """Return the rotation that makes ``after`` of ``before``, or None if none does."""
    for fraction in dict.fromkeys((*fractions, *FRACTIONS)):
        size = before.shape[-1] * fraction
        if size != int(size) or int(size) % 2:
            continue
        for style in ROTATIONS:
            if same(after, rotate(before, style, fraction, theta)):
                return RopeSpec(style, fraction)
    return None
