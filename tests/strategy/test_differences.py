"""What is told of the nearest registered models, and what reading them for that may cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.reading.of_checkpoint import Reading, read_model_of
from scaffold.roots.vllm_tree import VllmTree, read_vllm_tree
from scaffold.source.torch.budget import Budget
from scaffold.strategy import candidates
from scaffold.strategy.differences import HOLES, nearest_models
from tests.lab.checkpoints import checkpoint
from tests.lab.engine import engine


@pytest.fixture(scope="module")
def reading() -> Reading:
    return read_model_of(read_checkpoint(checkpoint("qwen3")), engine().transformers)


@pytest.fixture(scope="module")
def tree() -> VllmTree:
    return read_vllm_tree(engine().pristine)


def test_a_model_that_would_take_too_much_is_not_compared_and_that_is_said(
    reading: Reading, tree: VllmTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "COMPARED", Budget(100, 10**9))
    told = [list(one.lines())[1] for one in nearest_models(reading, tree, 3)]
    assert (
        "  its spec could not be compared: transformers' source of Qwen3MoeForCausalLM is not read at this config: "
        "it would take a reading with more than 100 elements in its tensors"
    ) in told


def test_nothing_is_read_where_there_is_nothing_to_compare_it_with(
    reading: Reading, tree: VllmTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = reading.spec
    unread = replace(reading, spec=replace(spec, text=replace(spec.text, decoder=None)))
    monkeypatch.setattr(candidates.Candidates, "quick_spec_of", lambda *_: pytest.fail("a model was read"))
    assert {one.unread for one in nearest_models(unread, tree)} == {HOLES}
