"""Layers for multi-token prediction: the states that config and tensors can be in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.about import about
from scaffold.checkpoint.read import read_checkpoint
from scaffold.disagreements.table import disagreements
from tests.disagreements.llama import HIDDEN, LAYERS, Tensors, tensors, write
from tests.disagreements.test_ignored import quantised

KEY = "num_nextn_predict_layers"
NAMED: Tensors = {
    f"model.layers.{LAYERS}.{name}": ("BF16", (HIDDEN, HIDDEN)) for name in ("eh_proj.weight", "enorm.weight")
}
UNKNOWN: Tensors = {f"model.layers.{LAYERS}.join.weight": ("BF16", (HIDDEN, HIDDEN))}
MOVED: Tensors = {"model.mtp.layers.0.enorm.weight": ("BF16", (HIDDEN,))}
FP8 = {"quant_method": "fp8"}


def states(directory: Path, held: Tensors, **config: Any) -> tuple[str, list[str]]:
    """Return the fact, and the disagreements."""
    read = read_checkpoint(write(directory, held, **config))
    fact = next(fact for fact in about(read).facts if fact.name == "multi-token prediction")
    return fact.value, [one.tensors.says for one in disagreements(read) if one.kind == "multi-token prediction"]


@pytest.mark.parametrize(
    ("more", "config", "fact", "says"),
    [
        ({}, {}, "none", []),
        (NAMED, {KEY: 1}, "1 layer, its tensors are there", []),
        (MOVED, {KEY: 1}, "1 layer, its tensors are there", []),
        ({}, {KEY: 1}, "1 by the config, and no tensor of it", ["no tensor of such a layer is there"]),
        (NAMED, {}, "tensors of it, and the config does not promise any layer",
         ["model.layers.*.eh_proj.weight and its kin are there"]),
        (UNKNOWN, {KEY: 1}, "1 layer by the config, and tensors under names that are not known",
         ["model.layers.2.join.weight and its kin are there, of names that no such layer is known by"]),
    ],
)  # fmt: skip
def test_states(more: Tensors, config: dict[str, Any], fact: str, says: list[str], tmp_path: Path) -> None:
    assert states(tmp_path, {**tensors(), **more}, **config) == (fact, says)


def test_plain_layers_in_a_quantised_checkpoint(tmp_path: Path) -> None:
    fact, _ = states(tmp_path, {**quantised(), **NAMED}, quantization_config=FP8, **{KEY: 1})
    assert fact == "1 layer, its tensors are there, plain in a quantised checkpoint"
    same = {name: ("F8_E4M3", shape) for name, (_, shape) in NAMED.items()}
    fact, _ = states(tmp_path / "same", {**quantised(), **same}, quantization_config=FP8, **{KEY: 1})
    assert fact == "1 layer, its tensors are there"


def test_it_decides_nothing_of_the_model(tmp_path: Path) -> None:
    assert not any(one.decides for one in disagreements(read_checkpoint(write(tmp_path, tensors(), **{KEY: 1}))))
