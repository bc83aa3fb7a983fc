"""The method that the config names, and what the weights show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaffold.checkpoint.quantization import MODELSLIM_FILE
from scaffold.checkpoint.read import read_checkpoint
from scaffold.disagreements.table import disagreements
from tests.disagreements.llama import found, tensors, write
from tests.disagreements.test_ignored import COMPRESSED, quantised


def test_plain_weights_under_a_config_that_names_a_method(tmp_path: Path) -> None:
    (one,) = found(tmp_path, quantization_config=COMPRESSED)
    assert str(one).startswith("the config says 'compressed-tensors', and no tensor is quantised")
    assert (one.decides, one.answers, one.overrides) == (True, ("tensors",), {"quantization_config": None})


@pytest.mark.parametrize("described", [{"quant_method": "somebodys"}, {"bits": 4}])
def test_a_method_that_is_not_known_decides_nothing(described: dict[str, object], tmp_path: Path) -> None:
    (one,) = found(tmp_path, quantization_config=described)
    assert not one.decides


def test_quantised_weights_of_which_the_config_says_nothing(tmp_path: Path) -> None:
    (one,) = found(tmp_path, quantised())
    assert str(one).startswith("the config does not say how the weights are quantised, and the tensors are quantised")
    assert (one.decides, one.answers) == (True, ())


def test_whole_numbers_of_which_nothing_says_how_they_are_weights(tmp_path: Path) -> None:
    whole = {n: ("U8" if n.endswith("q_proj.weight") else dtype, shape) for n, (dtype, shape) in tensors().items()}
    (one,) = found(tmp_path, whole)
    assert str(one).startswith("the config has no quantization_config, and weights are whole numbers (U8)")
    assert (one.decides, one.answers) == (True, ())


def test_what_config_and_tensors_agree_on(tmp_path: Path) -> None:
    assert found(tmp_path, quantised(), quantization_config=COMPRESSED | {"ignore": ["lm_head"]}) == []
    assert found(tmp_path / "plain", tensors()) == []


def test_values_that_share_a_byte_and_nothing_says_how_decide(tmp_path: Path) -> None:
    packed = dict(tensors())
    for name, (_, (rows, columns)) in ((n, form) for n, form in tensors().items() if n.endswith("q_proj.weight")):
        packed |= {name: ("U8", (rows, columns // 2)), f"{name}_scale": ("F8_E4M3", (rows, columns // 16))}
        packed[f"{name}_scale_2"] = ("F32", ())
    one = next(one for one in found(tmp_path, packed) if one.kind == "quantisation")
    assert str(one).startswith("the config does not say how the weights are quantised")
    assert (one.decides, one.overrides) == (True, {})


def test_a_weight_without_its_scale_among_others_that_have_one(tmp_path: Path) -> None:
    held = quantised()
    scale = next(name for name in held if "layers.1." in name and name.endswith("weight_scale"))
    del held[scale]
    (one,) = found(tmp_path, held, quantization_config=COMPRESSED | {"ignore": ["lm_head"]})
    assert one.tensors.says.startswith("1 of 2 model.layers.*.")
    assert (one.decides, one.answers) == (True, ())


@pytest.mark.parametrize(("method", "told"), [("fp8", True), ("ascend", False), (None, False)])
def test_another_method_of_the_config_goes_before_modelslim_s_description(
    method: str | None, told: bool, tmp_path: Path
) -> None:
    config = {} if method is None else {"quantization_config": {"quant_method": method}}
    path = write(tmp_path, **config)
    (path / MODELSLIM_FILE).write_text(json.dumps(dict.fromkeys(tensors(), "FLOAT")))
    all_found = [one for one in disagreements(read_checkpoint(path)) if one.kind == "quantisation"]
    assert bool(all_found) is told
    for one in all_found:
        assert one.serves == "vLLM takes the method of the config, and ModelSlim's description is not read"
        assert (one.decides, one.overrides) == (True, {"quantization_config": None})
