"""Stages features, capacity and ladder: what each state, length and step rests on, on a server that stands in."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold_validators.engine import probe
from scaffold_validators.gates import run_stages
from scaffold_validators.model_facts import Fact, ModelFacts
from scaffold_validators.results.feature import State
from scaffold_validators.serve import Patience, ServePlan
from scaffold_validators.stages.capacity.log import derived, fits, kv_cache_tokens
from scaffold_validators.stages.features.proofs import Shown, drafts_accepted, logged, total
from scaffold_validators.stages.features.run import untried
from scaffold_validators.stages.features.table import FEATURES
from scaffold_validators.stages.ladder.climb import STEPS
from scaffold_validators.stages.stage import Gate
from scaffold_validators.stages.table import with_needs
from scaffold_validators.verdict import Verdict
from tests.fake_engine import write_fake_engine
from tests.lab.ports import free_port
from tests.sampled import costly, sampled

YES, NO = Fact(True, "config says so"), Fact(False, "config says no")
DENSE = ModelFacts(experts=NO, draft_promised=NO, draft_there=NO, sees=NO, max_model_len=4096)
MIXTURE = replace(DENSE, experts=YES)
DRAFTS = replace(DENSE, draft_promised=YES, draft_there=YES)
LACKING = replace(DENSE, draft_promised=YES)
SEES = replace(DENSE, sees=YES)
NAMES = tuple(feature.name for feature in FEATURES)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate on a CPU engine, for a dense model."""
    engine = probe(write_fake_engine(tmp_path / "engine", tmp_path / "vllm" / "__init__.py"))
    plan = ServePlan(engine, tmp_path, "good", tmp_path, port=free_port(), grace_seconds=1)
    patience = Patience(300, 600, 300)
    return Gate(plan, True, False, {}, tmp_path / "logs", lambda text: None, patience=patience, facts=DENSE)


def run(gate: Gate, behaviour: str, stage: str) -> list[Verdict]:
    named = replace(gate, plan=replace(gate.plan, served_model_name=behaviour))
    return list(run_stages(named, with_needs([stage])))


N_A, LACKS, NOT_TRIED = State.NOT_APPLICABLE, State.CHECKPOINT_LACKS, State.NOT_TRIED


@pytest.mark.parametrize(
    ("facts", "device", "ranks", "states"),
    [
        (DENSE, "cpu", 1, (NOT_TRIED, N_A, N_A, N_A, N_A)),
        (DENSE, "npu", 1, (None, N_A, N_A, N_A, N_A)),
        (MIXTURE, "cpu", 2, (NOT_TRIED, NOT_TRIED, NOT_TRIED, N_A, N_A)),
        (MIXTURE, "npu", 1, (None, NOT_TRIED, NOT_TRIED, N_A, N_A)),
        (MIXTURE, "npu", 2, (None, None, None, N_A, N_A)),
        (DRAFTS, "cpu", 1, (NOT_TRIED, N_A, N_A, None, N_A)),
        (LACKING, "cpu", 1, (NOT_TRIED, N_A, N_A, LACKS, N_A)),
        (SEES, "cpu", 1, (NOT_TRIED, N_A, N_A, N_A, None)),
        (ModelFacts(), "npu", 2, (None, None, None, None, None)),
    ],
)
def test_what_a_model_has_not_is_told_apart_from_what_a_device_cannot_show(
    gate: Gate, facts: ModelFacts, device: str, ranks: int, states: tuple[State | None, ...]
) -> None:
    engine = replace(gate.plan.engine, device=device)
    there = replace(gate, facts=facts, plan=replace(gate.plan, engine=engine, tensor_parallel_size=ranks))
    results = [untried(there, feature) for feature in FEATURES]
    assert tuple(result and result.state for result in results) == states
    assert all(result.evidence for result in results if result)


def test_a_dense_model_on_a_cpu_starts_no_server_and_passes(gate: Gate) -> None:
    (verdict,) = run(gate, "dies-at-start", "features")
    assert (verdict.outcome.value, verdict.log) == ("passed", "")
    assert verdict.reason == "4 not-applicable, 1 not-tried"
    assert tuple(result.feature for result in verdict.features) == NAMES


@pytest.mark.parametrize(
    ("behaviour", "state", "says"),
    sampled(
        [
            ("drafts", State.VERIFIED, "27 of 36 draft tokens accepted (75.0 %)"),
            ("drafts-badly", State.UNSUPPORTED, "0 of 36 draft tokens accepted (0.0 %)"),
            ("good", State.UNSUPPORTED, "no draft was made"),
            ("dies-at-start", State.UNSUPPORTED, "startup-failed: "),
        ],
        every=2,
    ),
)
def test_drafts_are_proved_by_what_was_accepted(gate: Gate, behaviour: str, state: State, says: str) -> None:
    (verdict,) = run(replace(gate, facts=DRAFTS), behaviour, "features")
    result = verdict.features[NAMES.index("mtp")]
    assert result.state is state
    assert says in result.evidence
    assert '--speculative-config \'{"method": "mtp"' in result.command
    assert verdict.passed is (state is State.VERIFIED)
    if state is State.VERIFIED:
        assert result.numbers["acceptance_rate"] == 0.75


def test_a_picture_that_becomes_tokens_is_proof(gate: Gate) -> None:
    (verdict,) = run(replace(gate, facts=SEES, is_multimodal=True), "good", "features")
    result = verdict.features[NAMES.index("multimodal")]
    assert (result.state, result.evidence) == (
        State.VERIFIED,
        "the same text has 7 prompt tokens, and 23 with a picture",
    )


def test_a_line_of_the_log_is_proof_and_without_it_nothing_is() -> None:
    replayed = logged(r"Replaying aclgraph", r"Graph capturing finished")
    found = replayed(Shown("INFO a\nINFO 11-02 [acl_graph.py:243] Replaying aclgraph\n", ""))
    assert (found.state, found.evidence) == (State.VERIFIED, "INFO 11-02 [acl_graph.py:243] Replaying aclgraph")
    assert replayed(Shown("INFO eager mode", "")).state is State.UNSUPPORTED


def test_counters_are_added_over_their_labels() -> None:
    said = '# HELP x\nx_total{engine="0"} 3.0\nx_total{engine="1"} 4.0\nx_total_created{engine="0"} 1.7e9\ny_total 1\n'
    assert total(said, "x_total") == 7.0
    assert drafts_accepted(Shown("", said)).state is State.UNSUPPORTED


def test_a_length_that_does_not_fit_is_reported_with_what_would(gate: Gate) -> None:
    (verdict,) = run(gate, "no-room", "capacity")
    assert verdict.capacity is not None
    assert [(t.max_model_len, t.serves, t.fits) for t in verdict.capacity.lengths] == [(4096, False, 1000)]
    assert (verdict.capacity.theoretical_len, verdict.capacity.practical_len) == (4096, None)
    assert verdict.outcome.value == "startup-failed"


def test_what_is_not_answered_in_time_says_nothing_of_what_fits(gate: Gate) -> None:
    """No shorter length is called the practical one, as where the machine is busy."""
    hasty = replace(gate, search=True, patience=replace(gate.patience, request_seconds=0.3))
    (verdict,) = run(hasty, "hangs-on-request", "capacity")
    assert verdict.capacity is not None
    assert (verdict.outcome.value, verdict.capacity.practical_len) == ("timed-out", None)
    assert [(t.max_model_len, t.serves) for t in verdict.capacity.lengths] == [(4096, False)]


def test_a_load_that_is_not_answered_in_time_is_told_apart_from_one_that_fails(gate: Gate) -> None:
    hasty = replace(gate, patience=replace(gate.patience, request_seconds=3))
    (verdict,) = run(hasty, "hangs-later", "capacity")
    assert verdict.capacity is not None
    assert (verdict.outcome.value, verdict.capacity.practical_len) == ("timed-out", 4096)
    assert re.search(r"of 32 requests at once \d were answered, 3\d not within 3 s", verdict.reason)


def test_a_search_takes_the_length_that_vllm_names_and_then_loads_it(gate: Gate) -> None:
    (verdict,) = run(replace(gate, search=True), "no-room", "capacity")
    capacity = verdict.capacity
    assert capacity is not None
    assert [(t.max_model_len, t.serves) for t in capacity.lengths] == [(4096, False), (1000, True)]
    assert (capacity.theoretical_len, capacity.practical_len, capacity.kv_cache_tokens) == (4096, 1000, 16000)
    assert [(load.sequences, load.answered, load.preempted) for load in capacity.loads] == [(32, 32, 0), (64, 64, 0)]
    assert verdict.passed
    assert "4096 does not serve" in verdict.reason


@costly
def test_the_baseline_is_no_longer_than_the_model(gate: Gate) -> None:
    (verdict,) = run(replace(gate, facts=replace(DENSE, max_model_len=512)), "good", "capacity")
    assert verdict.capacity is not None
    assert verdict.capacity.practical_len == 512


def test_what_the_log_says_of_lengths() -> None:
    assert fits("ValueError: … the estimated maximum model length is 8192. Try increasing") == 8192
    assert derived(
        "max_model_len (131072) is greater than the derived max_model_len (max_position_embeddings=1024.0 or"
    )
    assert kv_cache_tokens("(W0) KV cache size: 16,384 tokens\n(W1) KV cache size: 16,000 tokens") == 16000
    assert (fits(""), derived(""), kv_cache_tokens("")) == (None, None, None)


def test_the_ladder_stops_where_the_failure_changes(gate: Gate) -> None:
    failed, ladder = run(replace(gate, climbs=True), "eager-cures", "dummy")
    assert (failed.stage, failed.outcome.value) == ("dummy", "startup-failed")
    assert (ladder.stage, ladder.outcome.value) == ("ladder", "startup-failed")
    assert [(step.name, step.outcome.value) for step in ladder.steps] == [
        ("again", "startup-failed"),
        ("eager", "passed"),
    ]
    assert "with step eager it passes: the cause is in compilation or graph capture" in ladder.reason
    assert len({step.log for step in ladder.steps} | {failed.log}) == 3


@costly
def test_the_ladder_says_that_nothing_changed(gate: Gate) -> None:
    _, ladder = run(replace(gate, climbs=True, is_multimodal=True), "refuses-request", "dummy")
    assert [step.name for step in ladder.steps] == [step.name for step in STEPS]
    assert "the same failure at each step (again, eager, no-dynamo, text-only)" in ladder.reason


def test_no_ladder_is_climbed_for_what_it_cannot_change(gate: Gate) -> None:
    assert len(run(replace(gate, climbs=True), "lists-another", "dummy")) == 1
    assert len(run(gate, "eager-cures", "dummy")) == 1
