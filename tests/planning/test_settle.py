"""Which side of a disagreement counts, and how the model is then read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import CheckFailed
from scaffold.planning.settle import Settled, check_settled, settle
from tests.models.build import write_checkpoint

TIE = "tie_word_embeddings"


def settled(path: Path, believe: str | None = None, **changed: object) -> Settled:
    """Settle a made-up model, whose head has numbers of its own; a key is taken out by None."""
    config = path / "config.json"
    values = {**json.loads(config.read_text()), **changed}
    config.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return settle(read_checkpoint(path), believe=believe)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "nova")


def test_without_a_disagreement_nothing_changes(made: Path) -> None:
    found = settled(made)
    assert (found.found, found.notes, found.overrides) == ((), (), {})


def test_files_win_over_a_default_of_the_class_with_a_note(made: Path) -> None:
    source = made / "configuration_nova.py"
    text = source.read_text()
    assert text.count(f"{TIE}: bool = False") == 1
    source.write_text(text.replace(f"{TIE}: bool = False", f"{TIE}: bool = True"))
    found = settled(made, **{TIE: None})
    assert found.reading.spec.decoder is not None
    assert found.reading.spec.decoder.tied.value is False
    assert found.overrides == {TIE: False}
    assert "so that the class's default, true, counts" in found.notes[0]
    assert found.notes[-1].endswith("""or pass --hf-overrides '{"tie_word_embeddings": false}' to vllm serve""")
    check_settled(found, None)


def test_what_the_config_says_waits_for_an_answer(made: Path) -> None:
    found = settled(made, **{TIE: True})
    assert found.reading.spec.decoder is not None
    assert found.reading.spec.decoder.tied.value is True
    with pytest.raises(CheckFailed, match="config and tensors disagree"):
        check_settled(found, None)


@pytest.mark.parametrize(("believe", "tied", "overrides"), [("config", True, {}), ("tensors", False, {TIE: False})])
def test_an_answer_counts(made: Path, believe: str, tied: bool, overrides: dict[str, bool]) -> None:
    found = settled(made, believe, **{TIE: True})
    assert found.reading.spec.decoder is not None
    assert found.reading.spec.decoder.tied.value is tied
    assert found.overrides == overrides
    assert "believed" in found.notes[0]
    check_settled(found, believe)
