"""Scales of an 8-bit KV cache beside the projections: vLLM's attention layer takes them, adapters leave them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.mapping.of_checkpoint import tensors_of, weight_map_of
from scaffold.strategy import supported
from scaffold.weights.prove import prove
from tests.models.families import Shapes, config_of, shapes_of, write
from tests.strategy.trusted import question_of

FP8 = {"quant_method": "fp8", "activation_scheme": "static"}
COMPRESSED = {
    "quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["lm_head"],
    "config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float"}}},
    "kv_cache_scheme": {"num_bits": 8, "type": "float", "strategy": "tensor"},
}  # fmt: skip


def scaled(shape: tuple[int, ...] = (1,)) -> Shapes:
    """Return a Llama's tensors, those of a quantisation, and scales of its cache."""
    shapes = shapes_of("llama")
    beside = {f"{name}_scale": (1,) for name in shapes if name.endswith("_proj.weight")}
    places = {name.removesuffix(".k_proj.weight") for name in shapes if name.endswith(".k_proj.weight")}
    return {**shapes, **beside, **{f"{place}.{one}": shape for place in places for one in ("k_scale", "v_scale")}}


@pytest.mark.parametrize("method", [FP8, COMPRESSED], ids=["fp8", "compressed-tensors"])
def test_an_attention_takes_them(tmp_path: Path, method: dict[str, Any]) -> None:
    write(tmp_path, config_of("llama", quantization_config=method), scaled())
    answer = supported.holds(question_of(tmp_path))
    assert answer.holds, answer.reason


def test_an_adapter_leaves_them_out_with_a_reason(tmp_path: Path) -> None:
    write(tmp_path, config_of("llama", quantization_config=FP8), scaled())
    reading = question_of(tmp_path).reading
    decoder = reading.spec.decoder
    assert decoder is not None
    weight_map = weight_map_of(decoder, reading.checkpoint, None)
    (left_out,) = {rule.reason for rule in weight_map.rules if rule.source.endswith("k_scale")}
    assert "a KV cache of eight bits" in str(left_out)
    assert prove(weight_map, tensors_of(reading.checkpoint, decoder)).unrouted == ()


def test_where_nothing_is_quantised_there_is_no_place_for_them(tmp_path: Path) -> None:
    shapes = {name: shape for name, shape in scaled().items() if not name.endswith("weight_scale")}
    write(tmp_path, config_of("llama"), shapes)
    answer = supported.holds(question_of(tmp_path))
    assert not answer.holds
    assert "self_attn.k_scale" in answer.reason
    reading = question_of(tmp_path).reading
    assert reading.spec.decoder is not None
    sources = [rule.source for rule in weight_map_of(reading.spec.decoder, reading.checkpoint, None).rules]
    assert not any(source.endswith("k_scale") for source in sources)


@pytest.mark.parametrize(("shape", "unsure"), [((1,), 14), ((2,), 18)], ids=["one number", "two"])
def test_scales_that_are_more_than_one_number_are_left_to_the_twin(
    tmp_path: Path, shape: tuple[int, ...], unsure: int
) -> None:
    """Beside the weights of two layers, of which a quantisation makes its own parameters."""
    write(tmp_path, config_of("llama", quantization_config=COMPRESSED), scaled(shape))
    (said,) = supported.holds(question_of(tmp_path)).unproved
    assert said.startswith(f"the shapes of {unsure} tensors could not be compared")
