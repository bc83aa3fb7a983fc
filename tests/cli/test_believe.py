"""Config and tensors disagree on what is served: no strategy holds until the user says which is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.evidence.workspace import Workspace
from tests.cli.conftest import Desk
from tests.disagreements.llama import tensors, write
from tests.disagreements.test_biases import BIASES


@pytest.fixture
def wrong_head_size(tmp_path: Path) -> Path:
    """A Llama whose config says another size of heads than its tensors have."""
    return write(tmp_path, head_dim=64)


def test_no_strategy_holds_without_an_answer(desk: Desk, wrong_head_size: Path) -> None:
    for strategy in ("auto", "transformers", "supported"):
        answer = desk.new_model(wrong_head_size, "--dry-run", "--strategy", strategy, "--json")
        assert answer.code == 1
        assert "config and tensors disagree (heads): head_dim is 64" in answer.stderr
        assert "--believe tensors counts on --hf-overrides '{\"head_dim\": 32}'" in answer.stderr
        assert answer.document["files"] == []
        (one,) = answer.document["disagreements"]
        assert (one["kind"], one["decides"], one["believe"]) == ("heads", True, ["tensors"])


def test_believed_tensors_count_and_the_server_has_to_be_told(desk: Desk, wrong_head_size: Path) -> None:
    answer = desk.new_model(wrong_head_size, "--dry-run", "--believe", "tensors", "--json")
    assert answer.code == 0, answer.stderr
    assert answer.document["strategy"] == "supported"
    assert """+    --hf-overrides '{"head_dim": 32}' """ in answer.document["diff"]
    assert any("""pass --hf-overrides '{"head_dim": 32}' to vllm serve""" in note for note in answer.document["notes"])


def test_the_gates_remember_what_was_believed(desk: Desk, wrong_head_size: Path) -> None:
    assert desk.new_model(wrong_head_size, "--believe", "tensors", "--name", "told").code == 0
    assert Workspace(desk.work).record("told").overrides == {"head_dim": 32}


def test_a_config_that_no_tensor_fits_cannot_be_believed(desk: Desk, wrong_head_size: Path) -> None:
    answer = desk.new_model(wrong_head_size, "--dry-run", "--believe", "config")
    assert answer.code == 1
    assert "--believe config gives nothing that can be served here" in answer.stderr


def test_weights_are_proved_for_the_side_that_is_believed(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, vocab_size=500)
    assert "disagreement, vocabulary: vocab_size is 500" in desk.call("weights", path).stdout
    answer = desk.call("weights", path, "--believe", "tensors", "--json")
    assert answer.document["holds"]
    assert answer.document["disagreements"][0]["overrides"] == {"vocab_size": 512}


def test_inspect_shows_both_sides(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, {**tensors(), **BIASES})
    assert "disagreement, biases: attention_bias is false, and" in desk.call("inspect", path).stdout
    (one,) = desk.call("inspect", path, "--json").document["disagreement_details"]
    assert one["believe"] == ["config", "tensors"]
    assert one["remedy"].startswith("correct the config if the biases belong to the model")
