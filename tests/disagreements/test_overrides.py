"""What the server is told for the tensors to be right: vLLM replaces an object of the config, so all of it is told."""

from __future__ import annotations

from pathlib import Path

from scaffold.checkpoint.read import read_checkpoint
from scaffold.disagreements.believe import believed
from scaffold.disagreements.finding import whole
from scaffold.disagreements.table import disagreements
from tests.disagreements.llama import write
from tests.disagreements.test_ignored import COMPRESSED, quantised


def test_the_rest_of_an_object_is_told_with_what_changes(tmp_path: Path) -> None:
    section = {**COMPRESSED, "ignore": ["lm_head", "re:.*down_proj"]}
    read = read_checkpoint(write(tmp_path, quantised(), quantization_config=section))
    found = disagreements(read)
    told = {"quantization_config": {**COMPRESSED, "ignore": ["lm_head"]}}
    assert believed(read, found, "tensors").overrides == told
    assert [one.document()["overrides"] for one in found] == [told]
    assert believed(read, found, "tensors").checkpoint.config["quantization_config"] == told["quantization_config"]


def test_configs_in_a_config_are_changed_key_by_key() -> None:
    config = {"text_config": {"vocab_size": 5, "rope_parameters": {"rope_type": "linear", "factor": 2.0}},
              "vision_config": {"model_type": "eye", "depth": 2}, "hidden_size": 4}  # fmt: skip
    overrides = {"text_config": {"vocab_size": 6, "rope_parameters": {"factor": 4.0}}, "vision_config": {"depth": 3},
                 "hidden_size": 8, "quantization_config": None, "new": {"a": 1}}  # fmt: skip
    assert whole(overrides, config) == {
        "text_config": {"vocab_size": 6, "rope_parameters": {"rope_type": "linear", "factor": 4.0}},
        "vision_config": {"depth": 3}, "hidden_size": 8, "quantization_config": None, "new": {"a": 1},
    }  # fmt: skip
