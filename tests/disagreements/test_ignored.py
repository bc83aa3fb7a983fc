"""Lists of layers that are not quantised, and the data types of these layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.disagreements.entries import names
from scaffold.disagreements.finding import Disagreement
from tests.disagreements.llama import LAYERS, Tensors, found, tensors

KIND = "layers left out of quantisation"
COMPRESSED = {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {
    "targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": "channel"},
    "input_activations": {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": True}}}}  # fmt: skip


def quantised(*plain: str) -> Tensors:
    """Return a Llama in fp8 with a scale per channel, but for the projections named."""
    held: Tensors = {}
    for name, (dtype, shape) in tensors().items():
        if name.endswith("_proj.weight") and not any(word in name for word in plain):
            held |= {name: ("F8_E4M3", shape), f"{name}_scale": ("F32", (shape[0], 1))}
        else:
            held[name] = (dtype, shape)
    return held


def said(directory: Path, held: Tensors, **described: Any) -> list[Disagreement]:
    config = {**COMPRESSED, **described}
    return [one for one in found(directory, held, quantization_config=config) if one.kind == KIND]


def test_a_layer_of_the_list_that_is_quantised(tmp_path: Path) -> None:
    (one,) = said(tmp_path, quantised(), ignore=["lm_head", "re:.*down_proj"])
    assert str(one) == (
        "quantization_config.ignore has 're:.*down_proj', and model.layers.0.mlp.down_proj is F8_E4M3 with a scale: "
        "vLLM makes a plain weight for a layer of this list, which the quantised one does not fit"
    )
    assert (one.decides, one.answers) == (True, ("tensors",))
    assert one.overrides == {"quantization_config": {"ignore": ["lm_head"]}}


def test_a_layer_that_the_list_lacks_and_that_is_plain(tmp_path: Path) -> None:
    (one,) = said(tmp_path, quantised("down_proj"), ignore=["lm_head"])
    assert str(one).startswith(
        "quantization_config.ignore does not name model.layers.0.mlp.down_proj and 1 more, and "
        "model.layers.0.mlp.down_proj.weight is not quantised"
    )
    plain = [f"model.layers.{layer}.mlp.down_proj" for layer in range(LAYERS)]
    assert one.overrides == {"quantization_config": {"ignore": ["lm_head", *plain]}}
    assert said(tmp_path / "told", quantised("down_proj"), ignore=["lm_head", *plain]) == []


@pytest.mark.parametrize(
    "entries",
    [
        ["lm_head", "re:.*down_proj"], ["lm_head", r"re:model\.layers\.\d+\.mlp\.down_proj$"], ["mlp.down_proj"],
        ["down_proj"], ["model.layers.*.mlp"], ["*down_proj*"], ["model.layers.0.mlp", "model.layers.1.mlp.down_proj"],
        [r"re:(a+)+\.down_proj"],
    ],
)  # fmt: skip
def test_ways_in_which_a_list_names_a_layer(entries: list[str], tmp_path: Path) -> None:
    assert said(tmp_path, quantised("down_proj"), ignore=entries) == []


@pytest.mark.parametrize(
    "key", ["modules_to_not_convert", "ignored_layers", "exclude_modules", "llm_int8_skip_modules"]
)
def test_what_methods_call_the_list(key: str, tmp_path: Path) -> None:
    (one,) = said(tmp_path, quantised(), **{"quant_method": "fp8", key: ["model.layers.1.mlp.up_proj"]})
    assert one.config.says == f"quantization_config.{key} has 'model.layers.1.mlp.up_proj'"


def test_layers_that_vllm_has_as_one(tmp_path: Path) -> None:
    entries = [f"model.layers.{layer}.self_attn.qkv_proj" for layer in range(LAYERS)]
    assert said(tmp_path, quantised("q_proj", "k_proj", "v_proj"), ignore=entries) == []


def test_a_list_beside_weights_that_are_all_plain_says_nothing(tmp_path: Path) -> None:
    assert said(tmp_path, tensors(), ignore=["lm_head"]) == []


def test_regular_expressions_that_could_take_for_ever_are_not_run() -> None:
    module = "a" * 60 + "!"
    for entry in (r"re:(a+)+$", r"re:(a|a)*$", "re:.*.*.*.*.*.*x", "re:(", "re:" + "a" * 400):
        assert not names(entry, module)
    assert names("re:.*", module)


@pytest.mark.parametrize(("method", "told"), [("fp8", True), ("compressed-tensors", False), ("modelopt", False)])
def test_a_plain_layer_where_a_method_without_a_list_quantises_all(method: str, told: bool, tmp_path: Path) -> None:
    config = {"quant_method": method, "activation_scheme": "dynamic", "modules_to_not_convert": None}
    held = quantised("layers.1.mlp.down_proj")
    all_found = [one for one in found(tmp_path, held, quantization_config=config) if one.kind == KIND]
    assert bool(all_found) is told
    for one in all_found:
        assert one.tensors.says == "model.layers.1.mlp.down_proj.weight is not quantised"
        listed = {"modules_to_not_convert": ["model.layers.1.mlp.down_proj"]}
        assert one.overrides == {"quantization_config": listed}


def test_a_plain_layer_for_drafts_is_none_of_the_model_s_own(tmp_path: Path) -> None:
    own = quantised()
    draft = {name.replace("layers.1.", f"layers.{LAYERS}."): form for name, form in tensors().items()}
    assert not said(tmp_path, {**draft, **own}, ignore=["lm_head"])
