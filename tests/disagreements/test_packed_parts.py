"""Projections that vLLM has as one layer, and that are quantised differently."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scaffold.disagreements.finding import Disagreement
from tests.disagreements.llama import LAYERS, Tensors, found, tensors
from tests.disagreements.test_ignored import COMPRESSED, quantised
from tests.rows import each

KIND = "parts of one layer"


def said(directory: Path, held: Tensors, **described: Any) -> list[Disagreement]:
    config = {**COMPRESSED, **described}
    return [one for one in found(directory, held, quantization_config=config) if one.kind == KIND]


def test_a_part_that_the_list_leaves_out_alone(tmp_path: Path) -> None:
    (one,) = said(tmp_path, quantised("k_proj"), ignore=["lm_head", "re:.*k_proj"])
    assert str(one) == (
        "quantization_config quantises the parts of model.layers.*.self_attn.qkv_proj one by one, and "
        "model.layers.0.self_attn.q_proj is F8_E4M3 where model.layers.0.self_attn.k_proj is BF16: "
        "where vLLM has them as one layer, it refuses to make it, or loads one as if it were the other"
    )
    assert not one.decides


def test_parts_that_two_groups_quantise(tmp_path: Path) -> None:
    held = {
        name: ("I8", shape) if name.endswith("up_proj.weight") else (dtype, shape)
        for name, (dtype, shape) in quantised().items()
    }
    (one,) = said(tmp_path, held)
    assert one.tensors.says == "model.layers.0.mlp.gate_proj is F8_E4M3 where model.layers.0.mlp.up_proj is I8"


@each(
    "plain",
    [(), ("q_proj", "k_proj", "v_proj"), ("down_proj", "o_proj"), tuple(f"layers.{n}." for n in range(1, LAYERS))],
)
def test_what_is_quantised_layer_by_layer_is_right(plain: tuple[str, ...], tmp_path: Path) -> None:
    assert said(tmp_path, quantised(*plain)) == []


def test_without_a_quantisation_config_nothing_is_said(tmp_path: Path) -> None:
    assert [one for one in found(tmp_path, tensors()) if one.kind == KIND] == []
