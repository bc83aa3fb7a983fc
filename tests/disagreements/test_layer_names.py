"""Layers of several kinds that have no tensor's name in common are counted by their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.disagreements.table import disagreements
from tests.disagreements.llama import found, tensors
from tests.models.families import config_of, write

OUTSIDE = {"model.embed_tokens.weight": (512, 128), "lm_head.weight": (512, 128)}
NAMES = ("mixer.norm.weight", "shared.mixer.norm.weight", "mixer.norm.weight")


@pytest.mark.parametrize(("names", "says"), [(NAMES, []), (NAMES[:2], ["layers"])])
def test_layers_of_two_kinds(tmp_path: Path, names: tuple[str, ...], says: list[str]) -> None:
    shapes = {f"model.layers.{layer}.{name}": (128,) for layer, name in enumerate(names)}
    checkpoint = read_checkpoint(write(tmp_path, config_of("llama", num_hidden_layers=3), {**OUTSIDE, **shapes}))
    assert [one.kind for one in disagreements(checkpoint) if one.kind == "layers"] == says


def test_layers_that_were_taken_out_without_new_numbers(tmp_path: Path) -> None:
    held = {name.replace("layers.1.", "layers.3."): form for name, form in tensors().items()}
    (one,) = found(tmp_path, held)
    assert (one.kind, one.decides, one.answers) == ("layers", True, ())
    assert str(one).startswith("num_hidden_layers is 2, and of the numbers from 0 on, layer 1 is not there")
