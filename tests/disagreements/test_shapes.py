"""Config and tensors that say different things: shown, and not accused where they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scaffold.checkpoint.patterns import Pattern
from scaffold.disagreements.subject import Subject
from scaffold.disagreements.table import found_in
from tests.rows import each

CONFIG = {"hidden_size": 64, "vocab_size": 1000, "num_hidden_layers": 4, "dtype": "bfloat16"}
UNTIED = (
    "tie_word_embeddings is false, and there is model.embed_tokens.weight and no lm_head.weight: "
    "vLLM makes a head of its own, and nothing fills it"
)
SOUND = (
    Pattern("model.embed_tokens.weight", "BF16", (1000, 64), 1, 128000),
    Pattern("model.layers.*.input_layernorm.weight", "BF16", (64,), 4, 128),
    Pattern("model.layers.*.mlp.gate.weight", "F32", (8, 64), 3, 2048),
    Pattern("model.layers.*.mlp.experts.*.up_proj.weight", "BF16", (32, 64), 24, 4096),
    Pattern("lm_head.weight", "BF16", (1000, 64), 1, 128000),
    Pattern("vision_tower.layers.*.norm.weight", "F32", (9,), 27, 36),
)
CASES: tuple[tuple[dict[str, Any], list[str]], ...] = (
    ({}, []),
    ({"num_nextn_predict_layers": 1}, ["num_nextn_predict_layers is 1, and no tensor of such a layer is there"]),
    ({"vocab_size": 2000}, ["vocab_size is 2,000, and model.embed_tokens.weight has 1,000 rows and lm_head.weight has "
                            "1,000 rows: vLLM makes 2,000 rows, and its loader takes no tensor of another number"]),
    ({"hidden_size": 128}, ["hidden_size is 128, and model.embed_tokens.weight has 64 columns: vLLM makes parameters "
                            "of the config's size, which these tensors do not fit"]),
    ({"num_hidden_layers": 8},
     ["num_hidden_layers is 8, and there are 4 of model.layers.*.input_layernorm.weight: vLLM makes "
      "the config's layers: those that are more have no parameter, those that are fewer no weights"]),
    ({"dtype": None, "torch_dtype": "float16"}, ["torch_dtype is 'float16', and most bytes are BF16"]),
)  # fmt: skip


def disagreements(config: Mapping[str, Any], patterns: Sequence[Pattern]) -> list[str]:
    return [str(one) for one in found_in(Subject(config, config, "", patterns))]


@each(("changed", "expected"), CASES)
def test_what_config_and_tensors_disagree_on(changed: dict[str, Any], expected: list[str]) -> None:
    assert disagreements({**CONFIG, **changed}, SOUND) == expected


def test_a_head_of_its_own_that_is_not_there() -> None:
    config = {**CONFIG, "tie_word_embeddings": False}
    assert disagreements(config, SOUND) == []
    without = [p for p in SOUND if p.name != "lm_head.weight"]
    assert disagreements(config, without) == [UNTIED]
    named = [*without, Pattern("embed_out.weight", "BF16", (1000, 64), 1, 128000)]
    assert disagreements(config, named) == []
    assert disagreements({**config, "tie_word_embeddings": True}, without) == []


def test_quantised_weights_have_other_types_than_the_config_says() -> None:
    packed = [*SOUND, Pattern("model.layers.*.w.qweight", "I32", (8, 64), 4, 2048)]
    assert disagreements({**CONFIG, "dtype": "float16"}, packed) == []


def test_an_empty_checkpoint_says_nothing() -> None:
    assert disagreements({}, []) == []
