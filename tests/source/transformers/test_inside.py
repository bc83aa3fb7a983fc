"""Language models inside of other models: made by their own class, and of keys that lie flat in the config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.probing import probe
from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood

CONFIG = """
import inspect
from transformers import PreTrainedConfig

class LumenVisionConfig(PreTrainedConfig):
    model_type = "lumen_vision"
    base_config_key = "vision_config"
    size: int = 10**9

class LumenTextConfig(PreTrainedConfig):
    model_type = "lumen_text"
    base_config_key = "text_config"
    hidden_size: int = 4096
    num_hidden_layers: int = 2
    vocab_size: int = 300_000

class LumenConfig(PreTrainedConfig):
    model_type = "lumen"
    sub_configs = {"text_config": LumenTextConfig, "vision_config": LumenVisionConfig}
    text_config: dict | None = None
    vision_config: dict | None = None

    def __post_init__(self, **kwargs):
        names = inspect.signature(self.sub_configs["text_config"].__init__).parameters.keys()
        if isinstance(self.text_config, dict):
            self.text_config = LumenTextConfig(**self.text_config)
        elif self.text_config is None:
            self.text_config = LumenTextConfig(**{name: kwargs.pop(name) for name in list(names) if name in kwargs})
        self.vision_config = LumenVisionConfig()
        super().__post_init__(**kwargs)
"""
SOURCE = """
from torch import nn
from transformers import PreTrainedModel

class LumenVision(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.weight = nn.Linear(config.size, config.size)

class LumenText(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)

    def forward(self, input_ids):
        return self.embed_tokens(input_ids)

class LumenForCausalLM(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.visual = LumenVision._from_config(config.vision_config)
        self.language_model = LumenText._from_config(config.text_config)

    def forward(self, input_ids, use_cache=None):
        {between}
        return self.language_model(input_ids) * config_scale(self.config.get_text_config())

def config_scale(config):
    return config.hidden_size
"""


def run(folder: Path, config: dict[str, Any], between: str = "pass", source: str = SOURCE) -> probe.Probe:
    (folder / "modeling_lumen.py").write_text(source.format(between=between))
    (folder / "configuration_lumen.py").write_text(CONFIG)
    auto_map = {"AutoModelForCausalLM": "modeling_lumen.LumenForCausalLM"}
    found = find("LumenForCausalLM", "lumen", auto_map, folder, None)
    assert found is not None
    found = type(found)(**{**vars(found), "config_class": "LumenConfig"})
    return probe.run(found, {"model_type": "lumen", **config})


def test_flat_keys_are_those_of_the_text_config_that_the_class_makes(tmp_path: Path) -> None:
    found = run(tmp_path, {"hidden_size": 2048, "vocab_size": 151_936})
    assert found.outer is not None
    assert found.outer.text_key == "text_config"
    assert found.completed["hidden_size"] == 2048
    assert found.root.result().shape[-1] == found.small.attributes["hidden_size"] < 200


def test_a_part_that_is_no_language_model_is_not_made_and_is_no_guess(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="the part 'lumen_vision'"):
        run(tmp_path, {}, between="input_ids = self.visual(input_ids)")


@pytest.mark.parametrize("asked", ["self.visual.device", "self.device", "self.visual.dtype"])
def test_where_a_part_lies_is_known_of_every_model(asked: str, tmp_path: Path) -> None:
    assert (
        run(tmp_path, {}, between=f"input_ids = input_ids if {asked} is not None else None").root.result() is not None
    )


def test_a_projector_of_the_checkpoints_own_size_that_no_text_goes_through_takes_no_memory(tmp_path: Path) -> None:
    made = "self.language_model = "
    assert made in SOURCE
    large = SOURCE.replace(made, f"self.projector = nn.Linear(10**5, 10**5)\n        {made}")
    assert run(tmp_path, {}, source=large).root.result() is not None
    with pytest.raises(NotUnderstood, match="a tensor of 10,000,000,000 elements"):
        run(tmp_path, {}, "input_ids = self.projector.weight.sum()", source=large)
