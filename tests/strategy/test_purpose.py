"""Models that do not write text: what they are, what the files hold, and what vLLM does with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.purpose import other_purpose
from scaffold.common.errors import CheckFailed
from scaffold.disagreements.table import disagreements
from scaffold.strategy.decide import decide
from scaffold.strategy.purpose import purpose_notes
from scaffold.strategy.transformers_backend import TRANSFORMERS
from tests.models.families import Shapes, config_of, shapes_of
from tests.strategy.trusted import asked

HEAD = "lm_head.weight"
HEADLESS = {name: shape for name, shape in shapes_of("llama").items() if name != HEAD}
BARE = {name.removeprefix("model."): shape for name, shape in HEADLESS.items()}


@pytest.mark.parametrize(
    ("architecture", "shapes", "says"),
    [
        ("LlamaForSequenceClassification", {**HEADLESS, "score.weight": (2, 128)},
         "LlamaForSequenceClassification classifies sequences, and does not write text: the files hold "
         "score.weight [2, 128] and no head over the vocabulary"),
        ("LlamaModel", BARE, "LlamaModel gives hidden states, which vLLM makes embeddings of, and does not write text: "
                             "the files hold no head; vLLM serves it with LlamaForCausalLM (llama)"),
        ("BertForMaskedLM", HEADLESS, "BertForMaskedLM fills in masked tokens, and does not write text: the files "
                                      "hold no head; vLLM serves it with BertForMaskedLM (bert)"),
        ("RobertaForMaskedLM", {**HEADLESS, "lm_head.bias": (512,), "lm_head.dense.weight": (128, 128)},
         "RobertaForMaskedLM fills in masked tokens, and does not write text"),
    ],
)  # fmt: skip
def test_it_is_said_what_it_is(tmp_path: Path, architecture: str, shapes: Shapes, says: str) -> None:
    question = asked(tmp_path, "llama", {"architectures": [architecture]}, shapes)
    assert not [one for one in disagreements(question.reading.checkpoint) if one.decides]
    with pytest.raises(CheckFailed) as refused:
        decide(question)
    assert refused.value.found.startswith(says)
    assert "--runner pooling" in refused.value.remedy


@pytest.mark.parametrize(
    ("changed", "says", "remedy"),
    [
        ({"is_causal": False}, "LlamaForCausalLM has is_causal: false, so that a token sees those after it, and does "
                               "not write text: vLLM serves it with LlamaForCausalLM (llama), under the pooling runner",
         "--runner pooling"),
        ({"use_bidirectional_attention": True}, "LlamaForCausalLM has use_bidirectional_attention: true",
         "--runner pooling"),
        ({"architectures": ["JinaForRanking"]}, "JinaForRanking gives an embedding for each token, and does not write "
                                                "text", "--runner pooling"),
        ({"architectures": ["LlamaForCausalLMEagle3"]}, "LlamaForCausalLMEagle3 drafts tokens for another model",
         "--speculative-config"),
    ],
)  # fmt: skip
def test_a_head_alone_does_not_write(tmp_path: Path, changed: dict[str, object], says: str, remedy: str) -> None:
    with pytest.raises(CheckFailed) as refused:
        decide(asked(tmp_path, "llama", changed))
    assert refused.value.found.startswith(says)
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("changed", [{"is_causal": True}, {"use_bidirectional_attention": "vision"}, {"is_causal": 0}])
def test_what_says_otherwise_writes(tmp_path: Path, changed: dict[str, object]) -> None:
    assert decide(asked(tmp_path, "llama", changed)).strategy.name == "supported"


@pytest.mark.parametrize("text_key", ["", "text_config"])
def test_a_decoder_with_an_encoder_is_a_hole_that_the_backend_does_not_fill(tmp_path: Path, text_key: str) -> None:
    config = config_of("qwen3", architectures=["ElmForConditionalGeneration"])
    inner = {**config, "is_encoder_decoder": True}
    changed = {text_key: inner} if text_key else inner
    question = asked(tmp_path, "qwen3", {**changed, "architectures": config["architectures"]})
    (hole,) = question.reading.spec.text.holes
    assert "attends to an encoder" in hole.what
    assert hole.evidence.endswith("is_encoder_decoder")
    answer = TRANSFORMERS.holds(question)
    assert not answer.holds
    assert f"{text_key}{'.' if text_key else ''}is_encoder_decoder: true" in answer.reason


def test_a_head_in_the_middle_of_a_name_is_one() -> None:
    """As SantaCoder's class is called, whose head is tied."""
    assert other_purpose("GPT2LMHeadCustomModel") == ""
    assert other_purpose("GPT2CustomModel") != ""


def test_text_from_a_class_that_is_named_for_none_takes_an_option(tmp_path: Path) -> None:
    """As of a bare model's name over files that hold a head."""
    named = asked(tmp_path, "llama", {"architectures": ["LlamaModel"]})
    assert "--runner generate" in purpose_notes(named)[0]
    assert purpose_notes(asked(tmp_path, "llama")) == ()
