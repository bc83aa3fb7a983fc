"""Biases that the config denies and the files hold, or the reverse."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.disagreements.table import disagreements
from scaffold.reading.of_checkpoint import read_model_of
from tests.disagreements.llama import HEADS, KV_HEADS, LAYERS, SIZE, found, tensors
from tests.models.build import write_checkpoint

BIASES = {
    f"model.layers.{layer}.self_attn.{name}_proj.bias": ("BF16", (heads * SIZE,))
    for layer in range(LAYERS)
    for name, heads in (("q", HEADS), ("k", KV_HEADS), ("v", KV_HEADS))
}


def test_biases_that_the_config_denies(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {**tensors(), **BIASES})
    assert str(one) == (
        "attention_bias is false, and model.layers.*.self_attn.k_proj.bias and 2 more are there: "
        "vLLM makes no such parameter, so that loading fails or the biases are dropped"
    )
    assert (one.decides, one.answers, one.overrides) == (True, ("config", "tensors"), {"attention_bias": True})


def test_one_bias_that_the_config_denies(tmp_path: Path) -> None:
    name = "model.layers.0.self_attn.q_proj.bias"
    (one,) = found(tmp_path, {**tensors(), name: BIASES[name]})
    assert one.tensors.says == "model.layers.*.self_attn.q_proj.bias is there"


def test_biases_that_the_config_promises(tmp_path: Path) -> None:
    (one,) = found(tmp_path, attention_bias=True)
    assert str(one).startswith("attention_bias is true, and model.layers.*.self_attn.q_proj.bias is not there")
    assert (one.decides, one.answers, one.overrides) == (True, ("tensors",), {"attention_bias": False})


def test_biases_of_which_the_config_says_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, {**tensors(), **BIASES}, attention_bias=None) == []


@pytest.mark.parametrize(("held", "stated"), [(True, False), (False, True)])
def test_a_spec_knows_which_biases_a_switch_is_about(held: bool, stated: bool, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "nova", qkv_bias=held)
    assert [one for one in _of(path) if one.kind == "biases"] == []
    config = path / "config.json"
    config.write_text(
        config.read_text().replace(f'"qkv_bias": {str(held).lower()}', f'"qkv_bias": {str(stated).lower()}')
    )
    (one,) = [one for one in _of(path) if one.kind == "biases"]
    assert one.config.says == f"qkv_bias is {str(stated).lower()}"
    assert one.tensors.where.startswith("model.layers.*.attention.")
    assert one.overrides == {"qkv_bias": held}
    assert one.tensors.says.endswith("more are there")
    assert one.tensors.says.startswith("neither ") is stated


def _of(path: Path) -> list:  # type: ignore[type-arg]
    read = read_checkpoint(path)
    reading = read_model_of(read)
    assert reading.spec.decoder is not None
    return list(disagreements(read, reading.spec.decoder))
