"""Stage features on the real engine: its states, for a dense, a mixture-of-experts, an MTP and a vision checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.running.model_facts import model_facts
from scaffold_validators.gates import run_stages
from scaffold_validators.results.feature import FeatureResult, State
from scaffold_validators.stages.table import with_needs
from scaffold_validators.verdict import Verdict
from tests.bench.coverage.environment import environment
from tests.bench.gates.faults import base_gate
from tests.lab.checkpoints import checkpoint
from tests.lab.engine import FORKS
from tests.lab.ports import free_port
from tests.lab.shown import with_draft, with_pictures

pytestmark = pytest.mark.engine
NOT_TRIED, NONE = State.NOT_TRIED, State.NOT_APPLICABLE
DENSE = {"aclgraph": NOT_TRIED, "expert-parallel": NONE, "flashcomm1": NONE, "mtp": NONE, "multimodal": NONE}
EXPERTS = {**DENSE, "expert-parallel": NOT_TRIED, "flashcomm1": NOT_TRIED}


def run(model: Path, work: Path, model_impl: str | None = None) -> Verdict:
    """Run the stage on a checkpoint."""
    read = read_checkpoint(model)
    gate = base_gate(environment().python, work, work / "logs", free_port(), lambda text: None)
    plan = replace(gate.plan, model=model, served_model_name="shown", env={FORKS: "1"}, model_impl=model_impl)
    gate = replace(gate, plan=plan, facts=model_facts(read), is_multimodal=read.is_multimodal)
    (verdict,) = run_stages(gate, with_needs(["features"]))
    return verdict


def states(verdict: Verdict) -> Mapping[str, State]:
    return {result.feature: result.state for result in verdict.features}


def result(verdict: Verdict, feature: str) -> FeatureResult:
    (found,) = (result for result in verdict.features if result.feature == feature)
    return found


@pytest.mark.parametrize(("row", "expected"), [("qwen3", DENSE), ("solar-open", EXPERTS)])
def test_what_the_engine_cannot_do_is_told_apart_from_what_the_model_has_not(
    row: str, expected: Mapping[str, State], tmp_path: Path
) -> None:
    verdict = run(checkpoint(row), tmp_path)
    assert states(verdict) == expected
    assert (verdict.passed, verdict.log) == (True, "")  # no server was needed


def test_a_draft_head_is_proved_by_the_drafts_that_are_accepted(tmp_path: Path) -> None:
    verdict = run(with_draft(tmp_path / "right", "right"), tmp_path)
    assert states(verdict) == {**EXPERTS, "mtp": State.VERIFIED}, verdict.reason
    assert verdict.passed
    assert result(verdict, "mtp").numbers["acceptance_rate"] > 0.9


def test_a_draft_head_that_is_wrong_answers_equally_and_is_found(tmp_path: Path) -> None:
    verdict = run(with_draft(tmp_path / "wrong", "wrong"), tmp_path)
    assert states(verdict) == {**EXPERTS, "mtp": State.UNSUPPORTED}, verdict.reason
    assert (verdict.outcome.value, verdict.signature) == ("wrong-output", "feature-not-shown")
    numbers = result(verdict, "mtp").numbers
    assert numbers["draft_tokens"] > 20
    assert numbers["acceptance_rate"] < 0.1


def test_a_draft_head_that_the_checkpoint_lacks_is_no_fault_of_the_model(tmp_path: Path) -> None:
    verdict = run(with_draft(tmp_path / "missing", "missing"), tmp_path)
    assert states(verdict) == {**EXPERTS, "mtp": State.CHECKPOINT_LACKS}
    assert verdict.passed


def test_a_picture_is_proved_by_the_tokens_that_it_becomes(tmp_path: Path) -> None:
    verdict = run(with_pictures(tmp_path / "sees"), tmp_path, model_impl="transformers")
    assert states(verdict) == {**DENSE, "multimodal": State.VERIFIED}, verdict.reason
    numbers = result(verdict, "multimodal").numbers
    assert numbers["prompt_tokens_with_picture"] >= numbers["prompt_tokens_without"] + 4  # of 2 x 2 patches
