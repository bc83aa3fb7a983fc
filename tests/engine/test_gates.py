"""Gates on the real engine: samples of ``make bench-gates``, of ends at any moment; capacity, and the ladder."""

from __future__ import annotations

import json
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold_validators.gates import run_stages
from scaffold_validators.model_facts import ModelFacts
from scaffold_validators.stages.stage import Gate
from scaffold_validators.stages.table import with_needs
from tests.bench.gates.__main__ import is_told, run_fault
from tests.bench.gates.faults import FAULTS, NOT_TRACED, STATIC, base_gate, left_segments, segments
from tests.bench.gates.moments import end_at
from tests.lab.checkpoints import checkpoint
from tests.lab.engine import FORKS
from tests.lab.ports import free_port
from tests.lab.workplace import Workplace

pytestmark = pytest.mark.engine
SAMPLES = (
    "missing linear weight",
    "killed worker",
    "stopped in a request",
    "port taken by a server that answers everything",
)
KV_HEADS, HEAD_SIZE, LAYERS, BYTES = 8, 128, 16, 4
FITS = 2**30 // (2 * KV_HEADS * HEAD_SIZE * LAYERS * BYTES)
"""Tokens in the one GiB of KV cache that gates on a CPU have, in float32."""


def gate_of(place: Workplace, logs: Path) -> Gate:
    """Return a gate on the small Qwen3, whose server is started quickly: how is not what its test is about."""
    gate = base_gate(place.python, place.work, logs, free_port(), lambda text: None)
    return replace(gate, plan=replace(gate.plan, env={FORKS: "1"}))


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in SAMPLES], ids=lambda fault: fault.name)
def test_a_fault_is_told_with_its_root_cause(place: Workplace, fault: object, tmp_path: Path) -> None:
    (row,) = [row for row in FAULTS if row is fault]
    before = segments()
    told = run_fault(row, place, tmp_path / "logs")
    assert is_told(row, told), told
    assert row.stage == STATIC or (told.next_step and Path(told.log).is_file())
    assert left_segments(before) == set()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name
)
def test_a_tool_that_is_ended_leaves_nothing_of_the_real_engine(
    place: Workplace, number: signal.Signals, tmp_path: Path
) -> None:
    after = random.Random(number).uniform(5, 25)
    tried = end_at(place.python, checkpoint("qwen3"), "qwen3", number, after, tmp_path / "ended")
    assert tried.left == ()


def test_a_search_finds_the_length_that_fits(place: Workplace, tmp_path: Path) -> None:
    model = tmp_path / "long"
    model.mkdir()
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        model.joinpath(name).write_bytes((checkpoint("qwen3") / name).read_bytes())
    config = json.loads((model / "config.json").read_text())
    sizes = {"num_hidden_layers": LAYERS, "num_key_value_heads": KV_HEADS, "num_attention_heads": KV_HEADS}
    more = {"head_dim": HEAD_SIZE, "max_position_embeddings": 131072, "layer_types": ["full_attention"] * LAYERS}
    (model / "config.json").write_text(json.dumps({**config, **sizes, **more}))
    gate = gate_of(place, tmp_path / "logs")
    plan = replace(gate.plan, model=model, load_format="dummy", max_model_len=None)
    patience = replace(gate.patience, request_seconds=1800)  # not how fast a processor answers is asked here
    gate = replace(gate, plan=plan, patience=patience, search=True, facts=ModelFacts(max_model_len=131072))
    (verdict,) = run_stages(gate, with_needs(["capacity"]))
    capacity = verdict.capacity
    assert capacity is not None
    assert capacity.theoretical_len == 131072
    assert capacity.practical_len == pytest.approx(FITS, rel=0.02), verdict.reason
    assert len(capacity.lengths) <= 3
    assert [(load.sequences, load.answered) for load in capacity.loads] == [(32, 32), (64, 64)]


def test_the_ladder_tells_that_compilation_is_to_blame(place: Workplace, tmp_path: Path) -> None:
    """What the adapter does cannot be traced: the same again fails alike, and eager mode serves."""
    with NOT_TRACED(gate_of(place, tmp_path / "logs"), place.vllm) as gate:
        failed, ladder = run_stages(replace(gate, climbs=True), with_needs(["dummy"]))
    assert (failed.stage, failed.outcome.value) == ("dummy", "startup-failed"), failed.reason
    assert "ata-dependent" in failed.cause
    assert "qwen3.py" in failed.cause
    assert [(step.name, step.outcome.value) for step in ladder.steps] == [
        ("again", "startup-failed"),
        ("eager", "passed"),
    ]
    assert ladder.reason == (
        "stage dummy: with step eager it passes: the cause is in compilation or graph capture: "
        "an operation of the model that they do not take"
    )
