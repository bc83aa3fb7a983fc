"""Weights that are packed in the files and split in the source, or the reverse: vLLM's own parameters decide."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.strategy import supported
from tests.models.families import Shapes, shapes_of
from tests.strategy.trusted import asked

PACKED = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}


def packed(shapes: Shapes, *, less: int = 0) -> Shapes:
    """Return the tensors with q, k, v and gate, up as one tensor each, of fewer rows than they have together."""
    found = dict(shapes)
    for name in shapes:
        for whole, parts in PACKED.items():
            if name.endswith(f".{parts[0]}.weight"):
                stem = name.removesuffix(f"{parts[0]}.weight")
                held = [found.pop(f"{stem}{part}.weight") for part in parts]
                found[f"{stem}{whole}.weight"] = (sum(rows for rows, _ in held) - less, held[0][1])
    return found


@pytest.mark.parametrize("family", ["llama", "qwen3", "granite"])
def test_packed_files_of_a_source_that_splits_are_supported_with_a_note(tmp_path: Path, family: str) -> None:
    answer = supported.holds(asked(tmp_path, family, shapes=packed(shapes_of(family))))
    assert answer.holds, answer.reason
    (note,) = answer.notes
    assert "packed or split otherwise in the files than in the source" in note
    assert "self_attn.q_proj.weight" in note


def test_with_other_rows_they_are_not(tmp_path: Path) -> None:
    answer = supported.holds(asked(tmp_path, "llama", shapes=packed(shapes_of("llama"), less=32)))
    assert not answer.holds
    assert "asks model.layers.0.self_attn.qkv_proj.weight to be [256, 128]" in answer.reason


@pytest.mark.parametrize("part", ["q_proj", "up_proj"])
def test_a_part_that_nothing_fills_is_missing(tmp_path: Path, part: str) -> None:
    shapes = {name: shape for name, shape in shapes_of("llama").items() if f".{part}." not in name}
    assert not supported.holds(asked(tmp_path, "llama", shapes=shapes)).holds


def test_files_that_split_what_the_source_packs_are_supported_with_a_note(tmp_path: Path) -> None:
    config = {
        "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "attention_bias": None, "mlp_bias": None,
        "head_dim": None, "pad_token_id": 0,
    }  # fmt: skip
    answer = supported.holds(asked(tmp_path / "split", "llama", config))
    assert answer.holds, answer.reason
    assert "self_attn.qkv_proj.weight" in answer.notes[0]
    whole = supported.holds(asked(tmp_path / "whole", "llama", config, packed(shapes_of("llama"))))
    assert (whole.holds, whole.notes, whole.unproved) == (True, (), ())
