"""Tensors that the config denies, where the user believes the config."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scaffold.strategy import supported
from tests.models.families import shapes_of
from tests.strategy.trusted import asked


def test_they_are_left_out_by_name(tmp_path: Path) -> None:
    published = shapes_of("llama")
    biases = {f"model.layers.{n}.self_attn.o_proj.bias": (128,) for n in (0, 1)}
    question = asked(tmp_path, "llama", shapes={**published, **biases})
    assert "leaves out without a word" in supported.holds(question).reason
    answer = supported.holds(replace(question, config_counts=True))
    assert answer.holds
    assert "left out, as the config is believed: model.layers.*.self_attn.o_proj.bias (2 tensors)" in answer.notes
