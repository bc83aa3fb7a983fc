"""A config object is completed as transformers completes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.tensors import Dtype
from scaffold.source.transformers.config_class import signature
from scaffold.source.transformers.config_object import Config, make
from scaffold.source.transformers.config_values import key_of
from scaffold.source.transformers.imports import resolve

CLASS = """
from ...configuration_utils import PreTrainedConfig
from ...utils.type_validators import interval

class PartConfig(PreTrainedConfig):
    width: int = 3

class BaseConfig(PreTrainedConfig):
    hidden_size: int = 32
    num_heads: int = 4
    kinds: list | None = None

class XConfig(BaseConfig):
    model_type = "x"
    default_theta = 500.0
    sub_configs = {"part": PartConfig}
    attribute_map = {"num_attention_heads": "num_heads", "num_pieces": "num_local_pieces"}
    num_pieces: int = 128
    eps: float = interval(min=0.0, max=1.0)(default=0.25)
    head_dim: int | None = None
    num_pairs: int = 2
    layer_types: list | None = None
    part: dict | None = None
    rope_parameters: dict | None = None
    max_position_embeddings: int = 64

    def __post_init__(self, **kwargs):
        if self.head_dim is None:
            self.head_dim = self.hidden_size // self.num_attention_heads
        if isinstance(self.part, dict):
            self.part = PartConfig(**self.part)
        kwargs.setdefault("partial_rotary_factor", kwargs.pop("rotary_pct", 1.0))
        super().__post_init__(**kwargs)

    @property
    def num_hidden_layers(self):
        return 2 * self.num_pairs

    @num_hidden_layers.setter
    def num_hidden_layers(self, value):
        self.num_pairs = value // 2
"""


@pytest.fixture
def interpreter() -> Interpreter:
    return Interpreter(resolve)


def config(tmp_path: Path, interpreter: Interpreter, **values: Any) -> Config:
    path = tmp_path / "configuration_x.py"
    path.write_text(CLASS)
    return make(interpreter, interpreter.source_class(SourceFile.parse(path), "XConfig"), values)


def test_fields_come_from_all_ancestors_and_carry_their_key(tmp_path: Path, interpreter: Interpreter) -> None:
    made = config(tmp_path, interpreter, hidden_size=64)
    assert made.look_up(interpreter, "hidden_size") == 64
    assert made.look_up(interpreter, "head_dim") == 16
    assert made.look_up(interpreter, "eps") == 0.25
    assert key_of(made.look_up(interpreter, "eps")) == "eps"


def test_a_mapped_name_is_the_same_attribute_both_ways(tmp_path: Path, interpreter: Interpreter) -> None:
    made = config(tmp_path, interpreter, num_attention_heads=8)
    assert made.look_up(interpreter, "num_heads") == 8
    made.store(interpreter, "num_attention_heads", 2)
    assert made.look_up(interpreter, "num_heads") == 2


def test_a_field_that_is_mapped_to_another_name_is_kept_under_that(tmp_path: Path, interpreter: Interpreter) -> None:
    made = config(tmp_path, interpreter, num_pieces=8)
    assert (made.look_up(interpreter, "num_pieces"), made.look_up(interpreter, "num_local_pieces")) == (8, 8)
    assert "num_pieces" not in made.attributes
    assert config(tmp_path, interpreter).look_up(interpreter, "num_pieces") == 128
    assert config(tmp_path, interpreter, num_local_pieces=6).look_up(interpreter, "num_pieces") == 6


def test_a_property_is_read_and_set_by_the_class(tmp_path: Path, interpreter: Interpreter) -> None:
    made = config(tmp_path, interpreter, num_hidden_layers=6)
    assert made.look_up(interpreter, "num_pairs") == 3
    assert made.look_up(interpreter, "num_hidden_layers") == 6


def test_a_config_in_the_config_is_an_object_with_its_own_defaults(tmp_path: Path, interpreter: Interpreter) -> None:
    part = config(tmp_path, interpreter, part={"depth": 5}).look_up(interpreter, "part")
    assert (part.look_up(interpreter, "width"), part.look_up(interpreter, "depth")) == (3, 5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"rope_theta": 500.0, "rope_type": "default", "partial_rotary_factor": 1.0}),
        (
            {"rope_theta": 7.0, "rotary_pct": 0.5},
            {"rope_theta": 7.0, "rope_type": "default", "partial_rotary_factor": 0.5},
        ),
        (
            {"rope_scaling": {"type": "linear", "factor": 2.0}},
            {"rope_theta": 500.0, "type": "linear", "rope_type": "linear", "factor": 2.0, "partial_rotary_factor": 1.0},
        ),
        (
            {"rope_parameters": {"rope_type": "yarn", "rope_theta": 9.0, "factor": 2.0}},
            {"rope_theta": 9.0, "rope_type": "yarn", "factor": 2.0, "partial_rotary_factor": 1.0,
             "original_max_position_embeddings": 64},
        ),
        (
            {"layer_types": ["a", "b"], "rope_parameters": {"a": {"rope_theta": 9.0}, "b": {"rope_type": "linear"}}},
            {"a": {"rope_theta": 9.0, "rope_type": "default", "partial_rotary_factor": 1.0},
             "b": {"rope_theta": 500.0, "rope_type": "linear", "partial_rotary_factor": 1.0}},
        ),
    ],
)  # fmt: skip
def test_rotary_keys_of_any_age_become_rope_parameters(
    tmp_path: Path, interpreter: Interpreter, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert config(tmp_path, interpreter, **given).look_up(interpreter, "rope_parameters") == expected


def test_older_layer_types_get_todays_names(tmp_path: Path, interpreter: Interpreter) -> None:
    made = config(tmp_path, interpreter, layer_types=["attention", "mamba", "sliding_attention"])
    wanted = ["full_attention", "linear_attention", "sliding_attention"]
    assert made.look_up(interpreter, "layer_types") == wanted


def test_older_layer_types_under_the_classs_own_key(tmp_path: Path, interpreter: Interpreter) -> None:
    path = tmp_path / "configuration_y.py"
    path.write_text(
        "from ...configuration_utils import PreTrainedConfig\n\nclass YConfig(PreTrainedConfig):\n"
        '    attribute_map = {"layer_types": "block_types"}\n    block_types: list | None = None\n'
    )
    made = make(interpreter, interpreter.source_class(SourceFile.parse(path), "YConfig"), {"block_types": ["mamba"]})
    assert made.look_up(interpreter, "block_types") == ["linear_attention"]


def test_a_part_that_the_file_does_not_have_is_named(tmp_path: Path, interpreter: Interpreter) -> None:
    with pytest.raises(NotUnderstood, match="the part vision, which is made of the config key 'vision_config'"):
        config(tmp_path, interpreter).look_up(interpreter, "vision_config")


def test_a_layer_may_have_values_of_its_own(tmp_path: Path, interpreter: Interpreter) -> None:
    made = config(tmp_path, interpreter, head_dim=8, per_layer_config={"1": {"head_dim": 16}})
    layers = made.look_up(interpreter, "per_layer_config")
    assert [layers[i].look_up(interpreter, "head_dim") for i in range(2)] == [8, 16]
    with pytest.raises(NotUnderstood, match="differs between layers"):
        made.look_up(interpreter, "head_dim")


def test_a_number_that_json_has_no_word_for(tmp_path: Path, interpreter: Interpreter) -> None:
    made = config(tmp_path, interpreter, limit=[0.0, {"__float__": "Infinity"}])
    assert made.look_up(interpreter, "limit") == [0.0, float("inf")]


def test_what_nobody_states_is_no_guess(tmp_path: Path, interpreter: Interpreter) -> None:
    with pytest.raises(NotUnderstood, match="config key 'multiplier'"):
        config(tmp_path, interpreter).look_up(interpreter, "multiplier")


@pytest.mark.parametrize("key", ["dtype", "torch_dtype"])
def test_a_word_for_a_data_type_is_one(tmp_path: Path, interpreter: Interpreter, key: str) -> None:
    made = config(tmp_path, interpreter, **{key: "bfloat16"})
    for name in ("dtype", "torch_dtype"):
        found = interpreter.attribute(made, name)
        assert isinstance(found, Dtype)
        assert found.is_floating_point
    assert interpreter.attribute(config(tmp_path, interpreter), "dtype") is None


def test_the_parameters_of_a_config_class_are_its_fields(tmp_path: Path, interpreter: Interpreter) -> None:
    made = config(tmp_path, interpreter)
    init = interpreter.attribute(made.cls, "__init__")
    assert {"hidden_size", "head_dim", "part", "dtype"} <= set(signature(interpreter, init).parameters)
    with pytest.raises(NotUnderstood, match="signature"):
        signature(interpreter, len)


def test_the_text_config_is_the_one_inside(tmp_path: Path, interpreter: Interpreter) -> None:
    made, inner = config(tmp_path, interpreter), config(tmp_path, interpreter)
    get = interpreter.attribute(made, "get_text_config")
    assert interpreter.call(get, [], {}, "") is made
    made.attributes["text_config"] = inner
    assert interpreter.call(get, [], {}, "") is inner


def test_a_config_class_of_remote_code_has_the_defaults_of_transformers_4(tmp_path: Path) -> None:
    text = "from transformers import PretrainedConfig\nclass XConfig(PretrainedConfig):\n"
    text += "    def __init__(self, a=1, **kwargs):\n        self.a = a\n        super().__init__(**kwargs)\n"
    path = tmp_path / "configuration_x.py"
    path.write_text(text)
    interpreter = Interpreter(resolve)
    config = make(interpreter, interpreter.source_class(SourceFile.parse(path), "XConfig"), {"eos_token_id": 7})
    assert [interpreter.attribute(config, name) for name in ("is_decoder", "bos_token_id", "eos_token_id")] == [
        False, None, 7,
    ]  # fmt: skip


def test_numbers_that_a_config_class_converts_keep_their_key(tmp_path: Path) -> None:
    text = "from transformers import PretrainedConfig\nclass XConfig(PretrainedConfig):\n"
    text += "    def __init__(self, eps=1e-6, **kwargs):\n        self.eps = float(eps)\n"
    text += "        super().__init__(**kwargs)\n"
    path = tmp_path / "configuration_x.py"
    path.write_text(text)
    interpreter = Interpreter(resolve)
    config = make(interpreter, interpreter.source_class(SourceFile.parse(path), "XConfig"), {"eps": 1e-5})
    assert key_of(config.attributes["eps"]) == "eps"
