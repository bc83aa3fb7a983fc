"""Config and tensors that say different things: shown, and not accused where they agree."""

from __future__ import annotations

from typing import Any

import pytest

from scaffold.checkpoint.disagreements import disagreements
from scaffold.checkpoint.patterns import Pattern

CONFIG = {"hidden_size": 64, "vocab_size": 1000, "num_hidden_layers": 4, "dtype": "bfloat16"}
SOUND = (
    Pattern("model.embed_tokens.weight", "BF16", (1024, 64), 1, 131072),
    Pattern("model.layers.*.input_layernorm.weight", "BF16", (64,), 4, 128),
    Pattern("model.layers.*.mlp.gate.weight", "F32", (8, 64), 3, 2048),
    Pattern("model.layers.*.mlp.experts.*.up_proj.weight", "BF16", (32, 64), 24, 4096),
    Pattern("lm_head.weight", "BF16", (1000, 64), 1, 128000),
    Pattern("vision_tower.layers.*.norm.weight", "F32", (9,), 27, 36),
)
CASES: tuple[tuple[dict[str, Any], list[str]], ...] = (
    ({}, []),
    ({"vocab_size": 1024, "num_nextn_predict_layers": 1}, []),
    ({"num_hidden_layers": 3, "num_nextn_predict_layers": 1}, []),
    ({"vocab_size": 2000}, ["vocab_size is 2,000, and model.embed_tokens.weight has 1,024 rows"]),
    ({"hidden_size": 128}, ["hidden_size is 128, and model.embed_tokens.weight has 64 columns"]),
    ({"num_hidden_layers": 8}, ["num_hidden_layers is 8, and there are 4 of model.layers.*.input_layernorm.weight"]),
    ({"dtype": None, "torch_dtype": "float16"}, ["torch_dtype is 'float16', and most bytes are BF16"]),
)


@pytest.mark.parametrize(("changed", "expected"), CASES)
def test_what_config_and_tensors_disagree_on(changed: dict[str, Any], expected: list[str]) -> None:
    assert list(disagreements({**CONFIG, **changed}, SOUND)) == expected


def test_a_head_of_its_own_that_is_not_there() -> None:
    config = {**CONFIG, "tie_word_embeddings": False}
    assert list(disagreements(config, SOUND)) == []
    without = [p for p in SOUND if p.name != "lm_head.weight"]
    assert list(disagreements(config, without)) == ["tie_word_embeddings is false, and there is no lm_head.weight"]
    named = [*without, Pattern("embed_out.weight", "BF16", (1000, 64), 1, 128000)]
    assert list(disagreements(config, named)) == []
    assert list(disagreements({**config, "tie_word_embeddings": True}, without)) == []


def test_quantised_weights_have_other_types_than_the_config_says() -> None:
    packed = [*SOUND, Pattern("model.layers.*.w.qweight", "I32", (8, 64), 4, 2048)]
    assert list(disagreements({**CONFIG, "dtype": "float16"}, packed)) == []


def test_an_empty_checkpoint_says_nothing() -> None:
    assert list(disagreements({}, [])) == []
