"""Auto classes: language models inside of other models are made, other parts are never taken for computed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scaffold.checkpoint.read import Checkpoint
from scaffold.reading.from_source import read_decoder
from scaffold.reading.of_checkpoint import Reading
from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.model import ModelSpec
from scaffold.spec.parts import TextDecoder
from scaffold.strategy.decide import decide
from scaffold.strategy.protocol import Question
from tests.lab.engine import engine

CONFIG_SOURCE = """
from transformers import PretrainedConfig
from transformers.models.auto import CONFIG_MAPPING

class VelaConfig(PretrainedConfig):
    model_type = "vela"

    def __init__(self, vision_config=None, text_config=None, **kwargs):
        self.vision_config = CONFIG_MAPPING[vision_config["model_type"]](**vision_config)
        self.text_config = CONFIG_MAPPING[text_config["model_type"]](**text_config)
        super().__init__(**kwargs)
"""
SOURCE = """
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, PreTrainedModel

class VelaForCausalLM(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.tower = AutoModel.from_config(config.vision_config)
        self.language_model = AutoModelForCausalLM.from_config(config.text_config)

    def forward(self, input_ids, use_cache=None):
        embeds = self.get_input_embeddings()(input_ids)
        {between}
        return self.language_model(inputs_embeds=embeds)
"""
TEXT = {
    "model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 96, "vocab_size": 100,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "architectures": ["VelaForCausalLM"],
    "model_type": "vela",
    "vision_config": {"model_type": "clip_vision_model", "hidden_size": 10**9},
    "text_config": TEXT,
}


def read(folder: Path, between: str = "pass", **text: Any) -> DecoderSpec:
    (folder / "modeling_vela.py").write_text(SOURCE.format(between=between))
    (folder / "configuration_vela.py").write_text(CONFIG_SOURCE)
    config = {**CONFIG, "text_config": {**TEXT, **text}}
    auto_map = {"AutoModelForCausalLM": "modeling_vela.VelaForCausalLM"}
    source = find("VelaForCausalLM", "vela", auto_map, folder, engine().transformers)
    assert source is not None
    given = SimpleNamespace(config=config, text_config=config["text_config"], text_key="text_config")
    return read_decoder(source, cast(Checkpoint, given))


def test_the_language_model_inside_is_read_under_its_own_keys(tmp_path: Path) -> None:
    spec = read(tmp_path)
    assert (spec.base_name, spec.head_name) == ("language_model.model", "language_model.lm_head")
    assert spec.text_key == "text_config"
    assert (spec.hidden_size.value, spec.hidden_size.key) == (64, "hidden_size")
    assert spec.config["hidden_size"] == 64
    assert spec.layer.mixer.num_heads.value == 4


def test_what_the_model_around_does_to_embeddings_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, between="embeds = embeds * 3.5").embedding.scale.value == 3.5


@pytest.mark.parametrize(
    ("between", "text", "what"),
    [
        ("embeds = self.tower(embeds)", {}, "the part 'clip_vision_model'"),
        ("embeds = embeds + self.tower.weight", {}, "the part 'clip_vision_model'"),
        ("pass", {"model_type": "qwen9000"}, "the model type 'qwen9000', of which this transformers has no config"),
    ],
)
def test_other_parts_and_unknown_model_types_are_holes(
    tmp_path: Path, between: str, text: dict[str, Any], what: str
) -> None:
    with pytest.raises(NotUnderstood, match=what):
        read(tmp_path, between, **text)


def test_no_adapter_is_made_of_the_decoder_alone(tmp_path: Path) -> None:
    spec = ModelSpec("VelaForCausalLM", "vela", None, None, ("text", "image"), (), TextDecoder(decoder=read(tmp_path)))
    files = SimpleNamespace(
        path=tmp_path, config=CONFIG, text_config=CONFIG["text_config"], text_key="text_config", auto_map={},
        model_type="vela", architecture=spec.architecture, weights=SimpleNamespace(forms={}, patterns={}), tensors={},
        is_multimodal=False,
    )  # fmt: skip
    decision = decide(Question(Reading(cast(Checkpoint, files), None, spec), registry={}))
    assert decision.strategy.name == "transformers"
    assert any("native: the decoder inside of text_config was read" in reason for reason in decision.why)
