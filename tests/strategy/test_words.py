"""Words of a config that no code at hand has, and those that some code has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.common.errors import CheckFailed
from scaffold.reading.of_checkpoint import Reading, read_model_of
from scaffold.strategy.protocol import Question
from scaffold.strategy.words import check_words
from tests.checkpoint.made import checkpoint
from tests.disagreements.llama import CONFIG, tensors
from tests.rows import each
from tests.strategy.trusted import tree

NOBODYS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"hidden_act": "siluu"}, "hidden_act is 'siluu'"),
    ({"rope_scaling": {"rope_type": "yarnn", "factor": 2.0}}, "rope_scaling.rope_type is 'yarnn'"),
    ({"rope_scaling": {"type": "none", "factor": 2.0}}, "rope_scaling.type is 'none'"),
    ({"rope_parameters": {"sliding_attention": {"rope_type": "rope"}}}, "sliding_attention.rope_type is 'rope'"),
)
SOMEBODYS: tuple[dict[str, Any], ...] = (
    {},
    {"hidden_act": "gelu_pytorch_tanh"},
    {"hidden_act": None, "rope_scaling": None},
    {"rope_scaling": {"type": "su", "factor": 2.0}},
    {"rope_scaling": {"rope_type": "mrope", "type": "mrope"}},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
)


def question(folder: Path, transformers: Path, config: dict[str, Any], source: str = "") -> Question:
    from scaffold.checkpoint.read import read_checkpoint

    read = read_checkpoint(checkpoint(folder, tensors(), **{**CONFIG, **config}))
    modeling = folder / "modeling_nova.py"
    if source:
        modeling.write_text(source)
        return Question(read_model_of(read, transformers, modeling), tree().registry, tree())
    return Question(Reading(read, None, None, transformers), tree().registry, tree())  # type: ignore[arg-type]


@each("config, says", NOBODYS)
def test_a_word_that_nobody_has_is_said_with_its_place(
    config: dict[str, Any], says: str, transformers_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(CheckFailed) as refused:
        check_words(question(tmp_path_factory.mktemp("nobodys"), transformers_source, config))
    assert says in refused.value.found
    assert "neither vLLM nor transformers has" in refused.value.found


@each("config", SOMEBODYS)
def test_a_word_that_somebody_has_is_none(
    config: dict[str, Any], transformers_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_words(question(tmp_path_factory.mktemp("somebodys"), transformers_source, config))


def test_the_source_of_the_model_may_have_it(tmp_path: Path, transformers_source: Path) -> None:
    source = "KINDS = {'siluu': None}\n\n\nclass LlamaForCausalLM:\n    pass\n"
    check_words(question(tmp_path, transformers_source, {"hidden_act": "siluu"}, source))
