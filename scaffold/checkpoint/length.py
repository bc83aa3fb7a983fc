"""The maximum length in theory: what config, rope scaling and tokenizer allow, as vLLM derives it.

vLLM: ``_get_and_verify_max_len`` in vllm/config/model.py, and ``derive_max_model_len_and_key`` in
vllm/transformers_utils/model_arch_config_convertor.py (0.32).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.files import has_file
from scaffold.checkpoint.jsonfile import read_object
from scaffold.vocabulary.lookup import at, spellings

ALREADY_SCALED = ("su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling", "default")
"""Rope types whose ``max_position_embeddings`` has the factor in it."""
UNSTRETCHED = ("dynamic",)
"""Rope types of which vLLM multiplies the length, and makes a table for the length of the config alone
(vllm/model_executor/layers/rotary_embedding/dynamic_ntk_scaling_rope.py)."""
ENDING = ("yarn", "deepseek_yarn")
"""Rope types whose table ends at the trained length times the factor, whatever length the config states; rotations for
pictures excepted (yarn_scaling_rope.py, mrope.py there). Behind its end vLLM reads whatever lies there."""
UNSCALED = ("gemma3",)
"""Words in a model type whose scaling vLLM leaves out of the length, as ``_get_and_verify_max_len`` has them."""
TOKENIZER = "tokenizer_config.json"
UNLIMITED = 10**15
"""transformers writes 1e30 if a tokenizer has no limit."""


def facts(
    directory: Path, text_config: Mapping[str, Any], model_type: str, completed: Mapping[str, Any] | None = None
) -> Iterator[Fact]:
    """Yield the maximum length in tokens, with what it was derived from.

    Args:
        directory: of the checkpoint.
        text_config: the language model's, as ``config.json`` has it.
        model_type: the config's.
        completed: the text config with what its class adds, if the class was read: vLLM reads it this way.

    Raises:
        CheckpointError: ``tokenizer_config.json`` is damaged.
    """
    yield _derived(directory, text_config, model_type, completed)[0]


def own_length(
    directory: Path, text_config: Mapping[str, Any], model_type: str, completed: Mapping[str, Any] | None = None
) -> int | None:
    """Return the maximum length in tokens; None if neither the config nor its class states one.

    Args and errors: as in `facts`.
    """
    return _derived(directory, text_config, model_type, completed)[1]


def _derived(
    directory: Path, text_config: Mapping[str, Any], model_type: str, completed: Mapping[str, Any] | None
) -> tuple[Fact, int | None]:
    """Return the maximum length with what it was derived from, and as a number."""
    positions = _positions(text_config)
    by_class = "" if positions else "the default of its class: "
    if not positions and completed is not None:
        positions, text_config = _positions(completed), completed
    if not positions:
        default = "" if completed is not None else "the default of the config's class, or "
        return Fact("maximum length", f"not in the config: vLLM takes {default}2,048", ()), None
    key = min(positions, key=lambda k: positions[k])
    length = positions[key]
    evidence = [Evidence("config", key, f"{by_class}{length:,}")]
    limit = _tokenizer_limit(directory)
    if limit is not None and limit < length:
        length = limit
        evidence.append(Evidence("file", TOKENIZER, f"model_max_length {limit:,}"))
    value, longest = f"{length:,}", length
    for where, kind, scaling in rope_scalings(text_config):
        factor = scaling.get("factor")
        original = scaling.get("original_max_position_embeddings")
        shows = ", ".join(
            [f"type {kind}"]
            + [f"{k} {scaling[k]}" for k in ("factor", "original_max_position_embeddings") if k in scaling]
        )
        evidence.append(Evidence("config", where, shows))
        is_scaled = kind not in ALREADY_SCALED and not any(word in model_type for word in UNSCALED)
        if is_scaled and factor is not None and _is_factor(factor):
            longest = int(length * factor)
            value = f"{longest:,} ({length:,} × {factor:g}, {kind} scaling)"
            if kind in UNSTRETCHED and "alpha" not in scaling:
                value += _rotations(length)
                longest = length
        elif kind == "longrope" and original is None:
            original = text_config.get("original_max_position_embeddings")
        if kind in ALREADY_SCALED and kind != "default":
            value = f"{length:,} ({kind} scaling is in it{_from(original)})"
            end = _end_of_table(kind, scaling)
            if end is not None and end < length:
                value += _rotations(end)
                longest = min(longest, end)
    return Fact("maximum length", value, tuple(evidence)), longest


def _positions(text_config: Mapping[str, Any]) -> dict[str, int]:
    """Return the lengths that a config states, by their keys."""
    if _is_length(text_config.get("model_max_length")):
        return {"model_max_length": int(text_config["model_max_length"])}
    found = {key: at(text_config, key) for key in spellings("max_position_embeddings")}
    return {key: int(length) for key, length in found.items() if _is_length(length)}


def rope_scalings(text_config: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield the place, type and parameters of each rope scaling: old and new spelling, per kind of layer or not."""
    for key in spellings("rope_parameters"):
        outer = text_config.get(key)
        if not isinstance(outer, dict):
            continue
        inner = {f"{key}.{kind}": value for kind, value in outer.items() if isinstance(value, dict)}
        for where, scaling in (inner or {key: outer}).items():
            kind = scaling.get("rope_type", scaling.get("type", "default"))
            if isinstance(kind, str):
                yield where, kind, scaling


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < UNLIMITED


def _is_factor(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 < value < 10**6


def _end_of_table(kind: str, scaling: Mapping[str, Any]) -> int | None:
    """Return how many positions vLLM's table of rotations has, where the scaling alone says so."""
    original: Any = scaling.get("original_max_position_embeddings")
    factor: Any = scaling.get("factor")
    if kind not in ENDING or "mrope_section" in scaling or not _is_length(original) or not _is_factor(factor):
        return None
    return int(original * factor)


def _rotations(positions: int) -> str:
    return f"; vLLM has rotations for {positions:,} positions: serve it with --max-model-len {positions}"


def _from(original: Any) -> str:
    return f", trained at {original:,}" if _is_length(original) else ""


def _tokenizer_limit(directory: Path) -> int | None:
    if not has_file(directory, TOKENIZER):
        return None
    limit = read_object(directory / TOKENIZER, "the tokenizer's config").get("model_max_length")
    if type(limit) is float and math.isfinite(limit):
        limit = int(limit)
    return limit if _is_length(limit) else None
