"""Modeling source without a config class beside it: the config object is transformers' own of the model type."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_a_config_class_of_the_checkpoint_says_all(tmp_path: Path, transformers_source: Path) -> None:
    assert source(tmp_path, transformers_source).defaults is None
