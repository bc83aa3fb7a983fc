"""What features a model could have, from its config and the names of its tensors, each with its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.running.model_facts import model_facts
from tests.models.build import write_checkpoint


def facts_of(folder: Path, config: dict[str, Any] | None = None) -> Any:
    import json

    path = write_checkpoint(folder)
    if config:
        text = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps({**text, **config}))
    return model_facts(read_checkpoint(path))


def test_each_fact_has_its_evidence(nova: Path) -> None:
    facts = model_facts(read_checkpoint(nova))
    for fact in (facts.experts, facts.draft_promised, facts.draft_there, facts.sees):
        assert fact.evidence != "not read"


def test_a_promised_draft_without_tensors_is_lacking(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "a", {"num_nextn_predict_layers": 1})
    assert (facts.draft_promised.holds, facts.draft_there.holds) == (True, False)
    assert facts.draft_promised.evidence == "config num_nextn_predict_layers = 1"
    assert facts_of(tmp_path / "b").draft_promised.holds is False


@pytest.mark.parametrize(("length", "found"), [(4096, 4096), (None, None)])
def test_the_models_own_length(tmp_path: Path, length: object, found: int | None) -> None:
    assert facts_of(tmp_path / "a", {"max_position_embeddings": length}).max_model_len == found


def test_a_tower_in_the_config_sees(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "a", {"vision_config": {"hidden_size": 8}})
    assert (facts.sees.holds, facts.sees.evidence) == (True, "config vision_config")
