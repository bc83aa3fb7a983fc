"""Towers in the config, and files of a decoder alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.disagreements.llama import HIDDEN, Tensors, found, tensors
from tests.rows import each

VISION = {"vision_config": {"hidden_size": 64}}
INSIDE = {name.replace("model.", "model.language_model."): form for name, form in tensors().items()}


@each("held", [tensors(), INSIDE])
def test_files_of_the_decoder_alone(held: Tensors, tmp_path_factory: pytest.TempPathFactory) -> None:
    (one,) = found(tmp_path_factory.mktemp("alone"), held, **VISION)
    assert (one.kind, one.decides, one.answers) == ("parts", True, ())
    assert str(one).startswith("the config has vision_config, and all tensors are of a decoder alone")


@each("more", ["visual.blocks.0.norm1.weight", "model.embed_vision.weight", "model.projector.weight"])
def test_any_tensor_of_another_part_is_a_part(more: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    held = {**tensors(), more: ("BF16", (HIDDEN,))}
    assert "parts" not in [one.kind for one in found(tmp_path_factory.mktemp("more"), held, **VISION)]


def test_a_text_model_has_no_towers(tmp_path: Path) -> None:
    assert found(tmp_path, tensors(), vision_config=None, audio_config={}) == []
