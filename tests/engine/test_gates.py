"""Gates on the real engine: samples of the faults of ``make bench-gates``, of ends at any moment, and of capacity."""

from __future__ import annotations

import json
import random
import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold_validators.gates import run_stages
from scaffold_validators.model_facts import ModelFacts
from scaffold_validators.results.feature import State
from scaffold_validators.stages.table import with_needs
from tests.bench.gates.__main__ import run_fault
from tests.bench.gates.faults import FAULTS, base_gate, segments
from tests.bench.gates.moments import end_at
from tests.engine.conftest import Shop
from tests.lab.checkpoints import checkpoint
from tests.lab.ports import free_port

pytestmark = pytest.mark.engine
SAMPLES = ("killed worker", "stopped in a request", "port taken by a server that answers everything")
KV_HEADS, HEAD_SIZE, LAYERS, BYTES = 8, 128, 16, 4
FITS = 2**30 // (2 * KV_HEADS * HEAD_SIZE * LAYERS * BYTES)
"""Tokens in the one GiB of KV cache that gates on a CPU have, in float32."""


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in SAMPLES], ids=lambda fault: fault.name)
def test_a_fault_is_told_with_its_root_cause(shop: Shop, fault: object, tmp_path: Path) -> None:
    (row,) = [row for row in FAULTS if row is fault]
    before = segments()
    verdict = run_fault(row, shop.place, tmp_path / "logs")
    assert verdict.outcome.value == row.outcome, verdict.reason
    assert re.search(row.cause, verdict.cause, re.DOTALL), verdict.cause
    assert verdict.next_step
    assert Path(verdict.log).is_file()
    assert segments() <= before


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name
)
def test_a_tool_that_is_ended_leaves_nothing_of_the_real_engine(
    shop: Shop, number: signal.Signals, tmp_path: Path
) -> None:
    after = random.Random(number).uniform(5, 25)
    tried = end_at(shop.place.python, checkpoint("qwen3"), "qwen3", number, after, tmp_path / "ended")
    assert tried.left == ()


def test_a_search_finds_the_length_that_fits(shop: Shop, tmp_path: Path) -> None:
    model = tmp_path / "long"
    model.mkdir()
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        model.joinpath(name).write_bytes((checkpoint("qwen3") / name).read_bytes())
    config = json.loads((model / "config.json").read_text())
    sizes = {"num_hidden_layers": LAYERS, "num_key_value_heads": KV_HEADS, "num_attention_heads": KV_HEADS}
    more = {"head_dim": HEAD_SIZE, "max_position_embeddings": 131072, "layer_types": ["full_attention"] * LAYERS}
    (model / "config.json").write_text(json.dumps({**config, **sizes, **more}))
    gate = base_gate(shop.place.python, shop.place.work, tmp_path / "logs", free_port(), lambda text: None)
    plan = replace(gate.plan, model=model, load_format="dummy", max_model_len=None)
    (verdict,) = run_stages(
        replace(gate, plan=plan, search=True, facts=ModelFacts(max_model_len=131072)), with_needs(["capacity"])
    )
    capacity = verdict.capacity
    assert capacity is not None
    assert capacity.theoretical_len == 131072
    assert capacity.practical_len == pytest.approx(FITS, rel=0.02), verdict.reason
    assert len(capacity.lengths) <= 3
    assert [(load.sequences, load.answered) for load in capacity.loads] == [(32, 32), (64, 64)]


def test_features_of_a_dense_model_need_no_server(shop: Shop, tmp_path: Path) -> None:
    from scaffold.checkpoint.read import read_checkpoint
    from scaffold.running.model_facts import model_facts

    facts = model_facts(read_checkpoint(checkpoint("qwen3")))
    gate = base_gate(shop.place.python, shop.place.work, tmp_path / "logs", free_port(), lambda text: None)
    (verdict,) = run_stages(replace(gate, facts=facts), with_needs(["features"]))
    states = {result.feature: result.state for result in verdict.features}
    assert states == {
        "aclgraph": State.NOT_TRIED,
        "expert-parallel": State.NOT_APPLICABLE,
        "flashcomm1": State.NOT_APPLICABLE,
        "mtp": State.NOT_APPLICABLE,
        "multimodal": State.NOT_APPLICABLE,
    }
