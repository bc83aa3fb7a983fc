"""The config object of a model that transformers does not know: what it keeps, and whom it is written for."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from scaffold.adapter.config_object import ConfigObject, config_object, write
from scaffold.placement.plugin import PLUGIN
from scaffold.placement.registration import ConfigModule
from scaffold.planning.plan import Plan, make_plan
from scaffold.planning.request import Request
from tests.models.build import write_checkpoint
from tests.models.mixed import write_mixed
from tests.sampled import costly

ADAPTER = "size = config.n_embd // config.n_head\nself.eps = self.config.epsilon\nif config.is_odd: pass\n"


def test_what_is_left_out_and_asked_for_is_as_the_class_has_it() -> None:
    written = {"n_embd": 128, "n_head": 4}
    completed = {**written, "n_layer": 2, "epsilon": 1e-5, "unused": 7, "is_odd": math.inf, "vocab_size": 512}
    found = config_object("OddConfig", "odd", written, completed, ADAPTER)
    assert found.defaults == {
        "epsilon": 1e-5,
        "n_layer": 2,
        "vocab_size": 512,
    }  # Python has no word for infinity
    assert found.attribute_map == {
        "hidden_size": "n_embd",
        "num_hidden_layers": "n_layer",
        "num_attention_heads": "n_head",
    }


def test_what_the_class_makes_another_number_of_is_as_it_makes_it() -> None:
    written = {"n_embd": 128, "n_head": 4, "vocab_size": 500, "epsilon": 1e-6, "unread": 1}
    completed = {**written, "vocab_size": 512, "unread": 2, "n_layer": 2}
    found = config_object("OddConfig", "odd", written, completed, ADAPTER)
    assert found.computed == {"vocab_size": 512}
    space: dict[str, Any] = {}
    stand_in = "class PretrainedConfig:\n    def __init__(self, **kwargs): vars(self).update(kwargs)\n"
    text = write(found, "Odd", "# licence", "transformers' has another").replace(
        "from transformers import PretrainedConfig", ""
    )
    assert "transformers' has another." in text
    exec(stand_in + text, space)  # text of ours
    made = space["OddConfig"](**written)
    assert (made.vocab_size, made.n_layer, made.epsilon) == (512, 2, 1e-6)


STRETCHED = """class PretrainedConfig:
    has_no_defaults_at_init = False

    def __init__(self, **kwargs):
        kwargs["rope_parameters"].setdefault("original_max_position_embeddings", self.max_position_embeddings)
        vars(self).update(kwargs)
"""
"""As transformers' class does where a rotation is stretched: it looks at itself before it keeps what it is given."""


def test_a_rotation_that_is_stretched_knows_the_length_at_once() -> None:
    """Nor is an object made of nothing, to compare with it, where a rotation is among what it has by itself."""
    completed = {"max_position_embeddings": 64, "rope_parameters": {"rope_type": "yarn", "factor": 4.0}}
    found = config_object("OddConfig", "odd", {"max_position_embeddings": 64}, completed, "config.rope_parameters\n")
    assert found.defaults == {"rope_parameters": completed["rope_parameters"]}
    space: dict[str, Any] = {}
    exec(STRETCHED + write(found, "Odd", "# licence").replace("from transformers import PretrainedConfig", ""), space)
    made = space["OddConfig"](max_position_embeddings=64)
    assert made.rope_parameters["original_max_position_embeddings"] == 64
    assert made.has_no_defaults_at_init


def test_what_single_layers_differ_from_is_there_without_a_file() -> None:
    completed = {"num_hidden_layers": 2, "head_dim": 8, "per_layer_config": {1: {"head_dim": 16}}}
    written = {"num_hidden_layers": 2, "head_dim": 8}
    found = config_object("OddConfig", "odd", written, completed, "a = config.per_layer_config[0].head_dim\n")
    assert found.defaults == completed


def test_an_object_that_the_adapter_reads_as_one_is_one(tmp_path: Path) -> None:
    adapter = "a = config.feed.experts\nb = self.config.feed.top_k\nc = config.plain\n"
    completed = {"feed": {"experts": 8, "top_k": 2, "unread": 1}, "plain": {"x": 1}}
    found = config_object("OddConfig", "odd", {"feed": {"experts": 8}}, completed, adapter)
    assert (found.objects, found.defaults) == ({"feed": {"top_k": 2}}, {"plain": {"x": 1}})
    space: dict[str, Any] = {}
    stand_in = "class PretrainedConfig:\n    def __init__(self, **kwargs): vars(self).update(kwargs)\n"
    text = write(found, "Odd", "# licence").replace("from transformers import PretrainedConfig", "")
    exec(stand_in + text, space)  # text of ours
    made = space["OddConfig"](feed={"experts": 8})
    assert (made.feed.experts, made.feed.top_k, made.plain) == (8, 2, {"x": 1})


def test_what_the_class_makes_of_an_object_is_as_it_makes_it() -> None:
    """A class that passes over what config.json says, or makes another number of it."""
    adapter = "a = config.feed.experts\nb = self.config.feed.top_k\nc = config.other.limit\n"
    written = {"feed": {"experts": 8, "top_k": 2, "unread": 1}, "other": {"limit": 1.5}}
    completed = {"feed": {"experts": 8, "top_k": 3, "unread": 7}, "other": {"limit": 1.5}}
    found = config_object("OddConfig", "odd", written, completed, adapter)
    assert found.computed_inside == {"feed": {"top_k": 3}}
    space: dict[str, Any] = {}
    stand_in = "class PretrainedConfig:\n    def __init__(self, **kwargs): vars(self).update(kwargs)\n"
    text = write(found, "Odd", "# licence").replace("from transformers import PretrainedConfig", "")
    exec(stand_in + text, space)  # text of ours
    made = space["OddConfig"](**written)
    assert (made.feed.experts, made.feed.top_k, made.other.limit) == (8, 3, 1.5)


@pytest.mark.parametrize(
    "config",
    [
        ConfigObject("OddConfig", "odd", {"hidden_size": "n_embd"}, {"layers": ["a\"'b", None, {"x": [1, 2.5, True]}]}),
        ConfigObject("OddConfig", "odd", {}, {}),
    ],
)
def test_the_class_is_python_that_says_so(config: ConfigObject) -> None:
    text = write(config, "Odd", "# licence")
    space: dict[str, Any] = {}
    stand_in = "class PretrainedConfig:\n    def __init__(self, **kwargs): vars(self).update(kwargs)\n"
    exec(stand_in + text.replace("from transformers import PretrainedConfig", ""), space)  # text of ours
    made = space["OddConfig"](given=1)
    assert vars(made) == {**config.defaults, "given": 1}
    assert made.model_type == "odd"
    assert getattr(made, "attribute_map", {}) == config.attribute_map


def planned(checkpoint: Path, vllm: Path, transformers: Path, **more: Any) -> Plan:
    return make_plan(
        Request(
            checkpoint=checkpoint,
            vllm=vllm,
            delivery=None,
            placement=PLUGIN.name,
            output=checkpoint.parent / "plugin",
            strategy="native",
            transformers=transformers,
            **more,
        )
    )


def config_of(plan: Plan) -> ConfigModule | None:
    assert plan.implementation is not None
    assert plan.implementation.code is not None
    return plan.implementation.code.config


def texts(plan: Plan) -> dict[str, str]:
    return {path.name: plan.changes.read(path) or "" for path in plan.changes.paths}


@costly
def test_a_plugin_registers_the_config_with_the_model(nova: Path, vllm_source: Path, transformers_source: Path) -> None:
    found = texts(planned(nova, vllm_source, transformers_source))
    assert "class NovaConfig(PretrainedConfig):" in found["configuration_nova.py"]
    assert 'AutoConfig.register("nova", NovaConfig, exist_ok=True)' in found["__init__.py"]


def test_a_type_that_transformers_or_the_target_knows_has_no_need_of_one(
    tmp_path: Path, vllm_source: Path, transformers_source: Path
) -> None:
    known = {"qwen3": "transformers", "RefinedWeb": "vLLM's table"}
    for model_type in known:
        checkpoint = write_checkpoint(tmp_path / model_type, model_type=model_type)
        plan = planned(checkpoint, vllm_source, transformers_source)
        assert config_of(plan) is None
        assert "AutoConfig" not in texts(plan)["__init__.py"]


@pytest.mark.parametrize("left_out", [True, False])
def test_tied_embeddings_that_an_older_class_leaves_unset_have_a_default(
    tmp_path: Path, vllm_source: Path, transformers_source: Path, left_out: bool
) -> None:
    checkpoint = write_checkpoint(tmp_path / "nova")
    if left_out:
        config = checkpoint / "config.json"
        config.write_text(config.read_text().replace(', "tie_word_embeddings": false', ""))
    text = texts(planned(checkpoint, vllm_source, transformers_source))["nova.py"]
    assert ('getattr(config, "tie_word_embeddings", False)' in text) is left_out
    assert ("config.tie_word_embeddings" in text) is not left_out


@pytest.mark.parametrize(("library", "ties"), [("gemma", False), ("llama", True)])
def test_a_class_of_transformers_that_ties_otherwise_than_the_models_own_is_none_for_it(
    tmp_path: Path, vllm_source: Path, transformers_source: Path, library: str, ties: bool
) -> None:
    """``config.json`` does not say it, and what is served without remote code is the object of transformers' class."""
    checkpoint = write_checkpoint(tmp_path / "nova", 1, model_type=library, tie_word_embeddings=ties)
    stated = {"config.json": f', "tie_word_embeddings": {str(ties).lower()}'}
    if ties:  # nor does the model's own class: the base class of its day ties, and no head is saved
        (checkpoint / "model.safetensors.index.json").unlink()
        shard = checkpoint / "model.safetensors"
        (checkpoint / "model-00001-of-00001.safetensors").rename(shard)
        save_file({name: array for name, array in load_file(shard).items() if name != "lm_head.weight"}, shard)
        stated["configuration_nova.py"] = "    tie_word_embeddings: bool = False\n"
    for file, said in stated.items():
        text = (checkpoint / file).read_text()
        assert said in text
        (checkpoint / file).write_text(text.replace(said, ""))
    plan = planned(checkpoint, vllm_source, transformers_source)
    said = (
        f"transformers' {library.title()}Config makes tie_word_embeddings {not ties}, and the model's own class {ties}"
    )
    assert (found := config_of(plan)) is not None
    assert found.instead == said
    assert f"'tie_word_embeddings': {ties}" in found.text
    assert f"{said}: NovaConfig reads every config.json of type {library} where this is installed" in plan.notes


def test_sizes_are_read_by_the_keys_that_the_config_has(
    tmp_path: Path, vllm_source: Path, transformers_source: Path
) -> None:
    shutil.rmtree(tmp_path / "vega", ignore_errors=True)
    text = texts(planned(write_mixed("vega", tmp_path / "vega"), vllm_source, transformers_source))["vega.py"]
    assert "config.n_embd" in text
    assert "config.hidden_size" not in text
    assert "config.max_position_embeddings" not in text


def test_source_without_a_config_class_that_reads_what_todays_class_has_elsewhere(
    tmp_path: Path, vllm_source: Path, transformers_source: Path
) -> None:
    """``config.rope_theta``, which is in ``rope_parameters`` of transformers' class: the adapter reads that one."""
    checkpoint = write_checkpoint(tmp_path / "nova", 1, model_type="llama")
    config = json.loads((checkpoint / "config.json").read_text())
    theta = config.pop("rope_parameters", {}).get("rope_theta", 10000.0)
    config |= {"auto_map": {"AutoModelForCausalLM": config["auto_map"]["AutoModelForCausalLM"]}, "rope_theta": theta}
    (checkpoint / "config.json").write_text(json.dumps(config))
    (checkpoint / "configuration_nova.py").unlink()
    source = checkpoint / "modeling_nova.py"
    lines = [line for line in source.read_text().splitlines() if "configuration_nova" not in line]
    text = "\n".join(lines).replace("NovaConfig", "PreTrainedConfig")
    source.write_text(text.replace('config.rope_parameters["rope_theta"]', "config.rope_theta"))
    plan = planned(checkpoint, vllm_source, transformers_source)
    assert config_of(plan) is None
    adapter = "".join(text for name, text in texts(plan).items() if name.endswith(".py"))
    assert "rope_parameters=config.rope_parameters" in adapter
    assert "rope_theta" not in adapter
