"""Layers of one decoder under two beginnings of names: said as that, and not as a wrong number of layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.disagreements.llama import Tensors, found, tensors


def moved(beginning: str, layer: int) -> Tensors:
    part = f"layers.{layer}."
    return {f"{beginning}{name}" if part in name else name: form for name, form in tensors().items()}


@pytest.mark.parametrize("beginning", ["module.", "base_model.model."])
def test_half_of_the_layers_under_another_name(beginning: str, tmp_path: Path) -> None:
    (one,) = found(tmp_path, moved(beginning, 1))
    assert (one.kind, one.decides, one.answers) == ("beginnings of names", True, ())
    told = sorted([f'"{beginning}model.layers." (layer 1)', '"model.layers." (layer 0)'], key=lambda text: text[1:])
    assert one.tensors.says == f"names of layers begin with {' and '.join(told)}"


def test_a_layer_that_is_missing_is_no_other_beginning(tmp_path: Path) -> None:
    held = {name: form for name, form in tensors().items() if "layers.1." not in name}
    assert [one.kind for one in found(tmp_path, held)] == ["layers"]


def test_two_parts_with_layers_of_their_own_are_no_other_beginning(tmp_path: Path) -> None:
    more = {f"encoder.{name}": form for name, form in tensors().items() if ".layers." in name}
    assert "beginnings of names" not in [one.kind for one in found(tmp_path, {**tensors(), **more})]
