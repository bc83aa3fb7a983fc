"""Models that do not write text: what they are, what the files hold, and what vLLM does with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.common.errors import CheckFailed
from scaffold.disagreements.table import disagreements
from scaffold.strategy.decide import decide
from tests.models.families import Shapes, shapes_of
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
    ],
)  # fmt: skip
def test_it_is_said_what_it_is(tmp_path: Path, architecture: str, shapes: Shapes, says: str) -> None:
    question = asked(tmp_path, "llama", {"architectures": [architecture]}, shapes)
    assert not [one for one in disagreements(question.reading.checkpoint) if one.decides]
    with pytest.raises(CheckFailed) as refused:
        decide(question)
    assert refused.value.found.startswith(says)
    assert "--runner pooling" in refused.value.remedy
