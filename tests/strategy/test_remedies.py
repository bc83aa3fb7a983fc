"""What is said where no strategy holds: that files disagree, or that the model is not understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.reading.of_checkpoint import read_model_of
from scaffold.strategy.decide import OF_HOLES, NoStrategy, decide
from scaffold.strategy.protocol import Question
from tests.mixers.test_gate_with_q import example
from tests.models.around import write_around


def test_files_are_not_doubted_where_a_block_is_of_no_known_form(tmp_path: Path, transformers_source: Path) -> None:
    checkpoint = read_checkpoint(write_around(tmp_path, {"attention": example(parts="gate, q")}, ["attention"]))
    question = Question(read_model_of(checkpoint, transformers_source), {})
    with pytest.raises(NoStrategy) as refused:
        decide(question)
    assert refused.value.remedy == OF_HOLES
    with pytest.raises(NoStrategy) as refused:
        decide(question, "native")
    assert refused.value.remedy == "leave the choice to --strategy auto"
