"""Frequencies of rotary embeddings, and the factor on them, as vLLM makes them of a config's parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scaffold.source.torch.tensors import Array

TURNS_OF_YARN = {"beta_fast": 32.0, "beta_slow": 1.0}
"""How often an entry turns within the original length at the ends of yarn's ramp, where vLLM is told nothing else."""
USUAL_MAGNITUDE = 0.1
"""What the logarithm of yarn's factor is multiplied by in the factor on cos and sin, where nothing states another."""
LEAST_RAMP = 0.001
"""Entries between the ends of yarn's ramp where both are the same one."""

Frequencies = Callable[[Mapping[str, Any], int, int], "tuple[Array, float] | None"]
"""Parameters, rotary_dim, max_position → ``[rotary_dim / 2]`` and the factor on cos and sin; None: not as vLLM."""


def _inverse(parameters: Mapping[str, Any], size: int) -> Array:
    return 1.0 / float(parameters["rope_theta"]) ** (np.arange(0, size, 2) / size)


def _default(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float]:
    return _inverse(parameters, size), 1.0


def _linear(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float]:
    return _inverse(parameters, size) / float(parameters["factor"]), 1.0


def _llama3(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float]:
    """Source: vllm/model_executor/layers/rotary_embedding/llama3_rope.py."""
    frequencies = _inverse(parameters, size)
    low, high = float(parameters["low_freq_factor"]), float(parameters["high_freq_factor"])
    original, factor = float(parameters["original_max_position_embeddings"]), float(parameters["factor"])
    length_of = 2 * math.pi / frequencies
    smooth = (original / length_of - low) / (high - low) if low != high else np.zeros_like(frequencies)
    mixed = (1 - smooth) * frequencies / factor + smooth * frequencies
    out = np.where(length_of > original / low, frequencies / factor, mixed)
    return np.where(length_of < original / high, frequencies, out), 1.0


def _yarn(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float]:
    """Source: vllm/model_executor/layers/rotary_embedding/{yarn_scaling_rope,common}.py."""
    factor = float(parameters["factor"])
    low, high = ends_of_yarn(parameters, size, length)
    ramp = np.clip((np.arange(size // 2) - low) / (high - low), 0, 1)
    frequencies = _inverse(parameters, size)
    mixed = frequencies / factor * ramp + frequencies * (1 - ramp)
    return mixed, _yarn_factor(parameters, factor)


def ends_of_yarn(parameters: Mapping[str, Any], size: int, length: int) -> tuple[float, float]:
    """Return between which entries frequencies go over from the original ones to those that are divided."""
    base = float(parameters["rope_theta"])
    original = float(parameters.get("original_max_position_embeddings") or length)
    beta_fast, beta_slow = (float(parameters.get(name) or number) for name, number in TURNS_OF_YARN.items())

    def dimension(rotations: float) -> float:
        return size * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(base))

    low, high = dimension(beta_fast), dimension(beta_slow)
    if parameters.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    return low, high if high != low else low + LEAST_RAMP


def _yarn_factor(parameters: Mapping[str, Any], factor: float) -> float:
    def magnitude(mscale: float) -> float:
        return USUAL_MAGNITUDE * mscale * math.log(factor) + 1.0 if factor > 1 else 1.0

    if parameters.get("attention_factor") is not None:
        return float(parameters["attention_factor"])
    mscale, all_dim = parameters.get("mscale"), parameters.get("mscale_all_dim")
    if mscale and all_dim:
        return magnitude(float(mscale)) / magnitude(float(all_dim))
    return magnitude(1.0)


def _dynamic(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float]:
    """Source: vllm/model_executor/layers/rotary_embedding/dynamic_ntk_{alpha,scaling}_rope.py."""
    if "alpha" in parameters:
        grown = float(parameters["alpha"])
    else:
        factor, trained = float(parameters["factor"]), float(parameters.get("max_trained_positions") or length)
        grown = factor * length / trained - (factor - 1)
    return _inverse({"rope_theta": float(parameters["rope_theta"]) * grown ** (size / (size - 2))}, size), 1.0


def _longrope(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float] | None:
    """Return those of sequences that are no longer than the original length.

    vLLM takes ``long_factor`` for all sequences once it serves longer ones; the reference only for the longer ones.
    Neither ``factor`` nor ``attention_factor`` are read there: the factor is that of the lengths.
    Source: vllm/model_executor/layers/rotary_embedding/phi3_long_rope_scaled_rope.py.
    """
    short, original = np.array(parameters["short_factor"], float), float(parameters["original_max_position_embeddings"])
    if len(short) != size // 2:
        return None
    scale = length / original
    factor = math.sqrt(1 + math.log(scale) / math.log(original)) if scale > 1 else 1.0
    return _inverse(parameters, size) / short, float(parameters.get("short_mscale") or factor)


def _proportional(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float] | None:
    """Return those of a whole head, of which the last do not turn. vLLM does not read ``factor``.

    Source: vllm/model_executor/layers/rotary_embedding/gemma4_rope.py.
    """
    if float(parameters.get("factor") or 1.0) != 1:
        return None
    turning = int(size * float(parameters.get("partial_rotary_factor") or 1.0)) // 2
    return np.where(np.arange(size // 2) < turning, _inverse(parameters, size), 0.0), 1.0


ROPE_TYPES: dict[str, Frequencies] = {
    "default": _default,
    "linear": _linear,
    "llama3": _llama3,
    "yarn": _yarn,
    "dynamic": _dynamic,
    "longrope": _longrope,
    "proportional": _proportional,
}
"""``rope_type`` → what vLLM's ``get_rope`` makes of the parameters."""

OLDER = {"su": "longrope", "mrope": "default"}
"""Older words, which vLLM renames as it reads a config (patch_rope_parameters_dict in transformers_utils/config.py)."""
WHOLE_HEAD = ("proportional",)
"""Types that are given the whole head, whatever part of it turns."""
