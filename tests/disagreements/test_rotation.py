"""Words of rotary embeddings: what vLLM refuses, or ends in an error with, is no model that is supported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.disagreements.finding import Disagreement
from tests.disagreements.llama import found

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 64, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0}  # fmt: skip
LONG = {"rope_type": "longrope", "short_factor": [1.0] * 16, "long_factor": [2.0] * 16, "factor": 4.0,
        "original_max_position_embeddings": 64}  # fmt: skip
WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"rope_theta": None}, "rope_theta is null"),
    ({"rope_parameters": {"rope_type": "default", "rope_theta": None}}, "rope_parameters.rope_theta is null"),
    ({"rope_scaling": {**YARN, "factor": None}}, "rope_scaling.factor is null"),
    ({"rope_scaling": {**YARN, "original_max_position_embeddings": None}},
     "rope_scaling.original_max_position_embeddings is null"),
    ({"rope_scaling": {"type": "linear", "factor": None}}, "rope_scaling.factor is null"),
    ({"rope_scaling": {"type": "dynamic", "factor": None}}, "rope_scaling.factor is null"),
    ({"rope_scaling": {**LLAMA3, "low_freq_factor": None}}, "rope_scaling.low_freq_factor is null"),
    ({"rope_scaling": {**LONG, "long_factor": [2.0] * 8}}, "rope_scaling.long_factor has 8 numbers"),
    ({"rope_scaling": {**YARN, "type": "linear"}}, "rope_scaling.rope_type is 'yarn'"),
    ({"rope_parameters": {"full_attention": {**YARN, "factor": None}}},
     "rope_parameters.full_attention.factor is null"),
)  # fmt: skip
RIGHT: tuple[dict[str, Any], ...] = (
    {"rope_scaling": None},
    {"rope_scaling": YARN},
    {"rope_scaling": LLAMA3},
    {"rope_scaling": LONG},
    {"rope_scaling": {**YARN, "type": "yarn", "attention_factor": None}},
    {"rope_scaling": {"type": "mrope", "rope_type": "default", "mrope_section": [4, 6, 6]}},
    {"rope_scaling": {**LONG, "type": "su", "factor": None}},
    {"rope_scaling": {"type": "dynamic", "alpha": 1000.0, "factor": None}},
    {"rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}},
    {"rope_theta": None, "position_embedding_type": "nope"},
    {"rope_theta": None, "alibi": True},
    {"rope_scaling": {**LONG, "long_factor": [2.0] * 8, "short_factor": [1.0] * 8}, "partial_rotary_factor": 0.5},
)


def _of_rotation(directory: Path, **changed: Any) -> list[Disagreement]:
    return [one for one in found(directory, **changed) if one.kind == "rotary embedding"]


@pytest.mark.parametrize(("changed", "says"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_what_no_rotation_can_be_made_of_decides(changed: dict[str, Any], says: str, tmp_path: Path) -> None:
    (one,) = _of_rotation(tmp_path, **changed)
    assert one.config.says == says
    assert one.decides
    assert not one.answers
    assert "vllm/" in one.serves


@pytest.mark.parametrize("changed", RIGHT, ids=str)
def test_what_vllm_takes_is_none(changed: dict[str, Any], tmp_path: Path) -> None:
    assert not _of_rotation(tmp_path, **changed)


def test_two_bases_are_told_with_the_one_that_counts(tmp_path: Path) -> None:
    (one,) = _of_rotation(tmp_path, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})
    assert not one.decides
    assert str(one) == (
        "rope_theta is 10000.0, and rope_parameters.rope_theta is 1000000.0: vLLM and transformers 5 take the one of "
        "the rotary parameters, older releases the other"
    )
