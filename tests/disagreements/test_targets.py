"""Targets of groups of layers, and the data types of these layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.disagreements.finding import Disagreement
from tests.disagreements.llama import found
from tests.disagreements.test_ignored import COMPRESSED, quantised

KIND = "targets of quantisation"
GROUP = COMPRESSED["config_groups"]["group_0"]


def said(directory: Path, *groups: dict[str, Any]) -> list[Disagreement]:
    config = {**COMPRESSED, "config_groups": {f"group_{n}": {**GROUP, **group} for n, group in enumerate(groups)}}
    held = quantised()
    return [one for one in found(directory, held, quantization_config=config) if one.kind == KIND]


@pytest.mark.parametrize(
    "groups",
    [
        ({},),
        ({"targets": ["re:.*_proj$"]},),
        ({"targets": ["re:.*self_attn.*"]}, {"targets": ["re:.*mlp.*"]}),
        ({"targets": ["re:.*qkv_proj$", "re:.*o_proj", "re:.*gate_up_proj", "re:.*down_proj"]},),
        ({"targets": ["re:.*down_proj"], "weights": {"num_bits": 8, "type": "float"}}, {"targets": ["Linear"]}),
    ],
)
def test_targets_that_name_what_is_quantised(tmp_path: Path, groups: tuple[dict[str, Any], ...]) -> None:
    assert said(tmp_path, *groups) == []


def test_a_quantised_layer_that_no_target_names(tmp_path: Path) -> None:
    (one,) = said(tmp_path, {"targets": ["re:.*self_attn.*"]})
    assert one.decides
    assert one.config.says == "no target names it, of model.layers.0.mlp.gate_proj and 2 more kinds"


def test_a_layer_of_another_type_than_its_group(tmp_path: Path) -> None:
    (one,) = said(tmp_path, {"targets": ["re:.*down_proj"], "weights": {"num_bits": 4, "type": "int"}}, {})
    assert one.config.says == "group_0 has weights of int4, of model.layers.0.mlp.down_proj"
    assert one.tensors.says == "model.layers.0.mlp.down_proj is F8_E4M3 with a scale"
