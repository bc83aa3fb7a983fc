"""The scales of fp8: their kind and number by the config, and those that the files hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.disagreements.finding import Disagreement
from tests.disagreements.llama import Tensors, found, tensors

FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic"}
PACKED = {"quant_method": "compressed-tensors", "config_groups": {"group_0": {
    "targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": "tensor"},
    "input_activations": {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False}}}}  # fmt: skip


def scaled(ending: str = "", block: int = 0, per_channel: bool = False, **more: str) -> Tensors:
    """Return a Llama whose linear layers are of fp8."""
    made: Tensors = {}
    for name, (dtype, shape) in tensors().items():
        own = name.endswith("_proj.weight")
        made[name] = ("F8_E4M3" if own else dtype, shape)
        stem, of = name.removesuffix("weight"), (1, 1) if not block else (block, block)
        size = tuple(-(-a // b) for a, b in zip(shape, of)) if block else (shape[0], 1) if per_channel else ()
        made |= {f"{stem}{ending}": ("F32", size)} if own and ending else {}
        made |= {f"{stem}{part}": ("F32", ()) for part in more.values()} if own else {}
    return made


def _of_scales(directory: Path, held: Tensors, config: dict[str, Any], *kinds: str) -> list[Disagreement]:
    return [one for one in found(directory, held, quantization_config=config) if one.kind in kinds and one.decides]


WRONG = (
    (scaled("weight_scale_inv", 128), FP8, "quantization_config.weight_block_size is not stated", True),
    (scaled("weight_scale_inv", 64), {**FP8, "weight_block_size": [128, 128]},
     "quantization_config.weight_block_size is [128, 128]", False),
    (scaled("weight_scale_inv", 128), {**FP8, "weight_block_size": [64, 64]},
     "quantization_config.weight_block_size is [64, 64]", True),
    (scaled("weight_scale", per_channel=True), FP8, "quantization_config.weight_block_size is not stated", False),
)  # fmt: skip


@pytest.mark.parametrize(("held", "config", "says", "mends"), WRONG)
def test_scales_of_another_kind_are_told(
    held: Tensors, config: dict[str, Any], says: str, mends: bool, tmp_path: Path
) -> None:
    (one,) = _of_scales(tmp_path, held, config, "scales")
    assert one.config.says == says
    assert one.overrides == ({"quantization_config": {"weight_block_size": [128, 128]}} if mends else {})


RIGHT = (
    (scaled("weight_scale"), FP8),
    (scaled("weight_scale_inv"), {**FP8, "weight_block_size": None}),  # one for a tensor, which classes rename
    (scaled("weight_scale_inv", 128), {**FP8, "weight_block_size": [128, 128]}),
    (scaled("weight_scale", more="input_scale"), {**FP8, "activation_scheme": "static"}),
    (scaled("weight_scale_inv", more="activation_scale"), {**FP8, "activation_scheme": "static"}),
    (scaled("weight_scale", more="input_scale"), PACKED),
)


@pytest.mark.parametrize(("held", "config"), RIGHT)
def test_what_agrees_is_none(held: Tensors, config: dict[str, Any], tmp_path: Path) -> None:
    assert not _of_scales(tmp_path, held, config, "scales", "scales of activations", "quantisation")


def grouped(strategy: str, **more: Any) -> dict[str, Any]:
    weights = {"num_bits": 8, "type": "float", "strategy": strategy, **more}
    return {"quant_method": "compressed-tensors", "config_groups": {"a": {"targets": ["Linear"], "weights": weights}}}


GROUPED = (
    (scaled("weight_scale"), grouped("tensor"), True),
    (scaled("weight_scale"), grouped("channel"), False),
    (scaled("weight_scale", per_channel=True), grouped("channel"), True),
    (scaled("weight_scale", per_channel=True), grouped("tensor"), False),
    (scaled("weight_scale", per_channel=True), grouped("block", block_structure=[64, 64]), False),
    (scaled("weight_scale", 64), grouped("block", block_structure=[64, 64]), True),
    (scaled("weight_scale", 64), grouped("block", block_structure=[128, 128]), False),
    (scaled("weight_scale", 64), grouped("token"), True),  # a word that is not known
)


@pytest.mark.parametrize(("held", "config", "agrees"), GROUPED)
def test_scales_are_of_their_group_s_strategy(
    held: Tensors, config: dict[str, Any], agrees: bool, tmp_path: Path
) -> None:
    assert (not _of_scales(tmp_path, held, config, "scales")) is agrees


@pytest.mark.parametrize("config", [{**FP8, "activation_scheme": "static"}, PACKED])
def test_static_activations_without_a_scale_of_any_are_told(config: dict[str, Any], tmp_path: Path) -> None:
    (one,) = _of_scales(tmp_path, scaled("weight_scale"), config, "scales of activations")
    assert "q_proj.input_scale is there, nor one of any other layer" in one.tensors.says
    assert bool(one.overrides) is (config["quant_method"] == "fp8")


@pytest.mark.parametrize("config", [FP8, PACKED])
def test_fp8_without_any_scale_decides(config: dict[str, Any], tmp_path: Path) -> None:
    (one,) = _of_scales(tmp_path, scaled(), config, "quantisation")
    assert one.tensors.says == "weights are of fp8, and no tensor is a scale of any"


def test_scales_of_a_spelling_that_is_not_known_are_scales(tmp_path: Path) -> None:
    assert not _of_scales(tmp_path, scaled("scale"), FP8, "quantisation")
