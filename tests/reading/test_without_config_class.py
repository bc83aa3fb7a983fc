"""Modeling source without a config class beside it: the config object is transformers' own of the model type."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.expressions.tree import key
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.reading.from_source import read_decoder
from scaffold.source.locate import ModelingSource, find
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.decoder import DecoderSpec
from tests.models.remote.build import CONFIG, Text, source

ASKED = """
bias = config.attention_bias
self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=bias)
self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=bias)
"""


def alone(directory: Path, transformers: Path, model_type: str) -> ModelingSource:
    """Return the source of a checkpoint whose ``auto_map`` names a model class alone."""
    source(directory, transformers, projections=ASKED)
    (directory / "configuration_vela.py").unlink()
    auto_map = {"AutoModelForCausalLM": CONFIG["auto_map"]["AutoModelForCausalLM"]}
    found = find("VelaForCausalLM", model_type, auto_map, directory, transformers)
    assert found is not None
    return found


def read(directory: Path, transformers: Path, model_type: str) -> DecoderSpec:
    values = {**CONFIG, "model_type": model_type}
    return read_decoder(alone(directory, transformers, model_type), Text(values))  # type: ignore[arg-type]


def test_what_config_json_does_not_have_is_the_default_of_the_model_type(
    tmp_path: Path, transformers_source: Path
) -> None:
    found = read(tmp_path, transformers_source, "llama").layer.mixer
    assert isinstance(found, AttentionSpec)
    assert found.qkv_bias.value is False


def test_it_is_a_hole_where_transformers_does_not_know_the_model_type(
    tmp_path: Path, transformers_source: Path
) -> None:
    with pytest.raises(NotUnderstood, match="the config key 'attention_bias'"):
        read(tmp_path, transformers_source, "vela")


OLDER = """
if config.rope_scaling is not None or config._attn_implementation == "odd":
    raise ValueError("no scaling here")
self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=config.attention_bias)
self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=config.attention_bias)
"""
BESIDE = "from .configuration_vela import VelaConfig"
FROM_ROOT = "from transformers import LlamaConfig as VelaConfig"
FROM_PACKAGE = "from transformers.models.llama import LlamaConfig as VelaConfig"
BEGIN = "from transformers import LlamaConfig\n\n\nclass VelaConfig(LlamaConfig):\n    model_type = 'vela'\n"
INIT = "    def __init__(self, extra=3, **kwargs):\n        super().__init__(**kwargs)\n        self.extra = extra\n"


@pytest.mark.parametrize(
    ("imported", "configuration"),
    [
        pytest.param(FROM_ROOT, None, id="named by the model's class alone"),
        pytest.param(FROM_PACKAGE, None, id="imported from the package of its model"),
        pytest.param(BESIDE, FROM_ROOT, id="handed on by the checkpoint's file"),
        pytest.param(BESIDE, BEGIN, id="made from"),
        pytest.param(BESIDE, BEGIN + INIT, id="made from, with an init"),
    ],
)
def test_transformers_class_has_what_it_had_in_transformers_4(
    imported: str, configuration: str | None, tmp_path: Path, transformers_source: Path
) -> None:
    source(tmp_path, transformers_source, projections=OLDER)
    code, config = tmp_path / "modeling_vela.py", tmp_path / "configuration_vela.py"
    code.write_text(code.read_text().replace(BESIDE, imported))
    config.unlink()
    auto_map = dict(CONFIG["auto_map"])
    if configuration is None:
        del auto_map["AutoConfig"]
    else:
        config.write_text(configuration)
    found = find("VelaForCausalLM", "vela", auto_map, tmp_path, transformers_source)
    assert found is not None
    values = {name: value for name, value in CONFIG.items() if name != "rope_theta"}
    mixer = read_decoder(found, Text(values)).layer.mixer  # type: ignore[arg-type]
    assert isinstance(mixer, AttentionSpec)
    assert mixer.qkv_bias.value is False
    assert mixer.rope is not None
    assert mixer.rope.parameters == key("rope_parameters")


def test_a_config_class_of_the_checkpoint_says_all(tmp_path: Path, transformers_source: Path) -> None:
    assert source(tmp_path, transformers_source).defaults is None
