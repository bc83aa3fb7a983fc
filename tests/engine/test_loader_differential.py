"""What the rules say and what the emitted loader does under the real vLLM: the same, bit by bit, on each rank."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.reading.from_source import read_from_source
from scaffold.source.locate import find
from scaffold.testing.arrays import read_arrays, to_bfloat16
from scaffold.weights import WeightMap
from scaffold.weights.apply import load
from tests.engine.conftest import Shop
from tests.lab.checkpoints import MAKER, checkpoint
from tests.lab.commands import run
from tests.lab.engine import engine
from tests.lab.ports import free_port

pytestmark = pytest.mark.engine
SCRIPT = Path(__file__).with_name("load_ranks.py")
REAL = ("helium", "solar-open", "solar-open-fp8", "solar-open-dequantised")
RANDOM = 4
"""How many checkpoints of each architecture are made from a random config."""


def random_row(model_type: str, random: Random) -> dict[str, Any]:
    """Return a row for the checkpoint maker: sizes that two ranks can share; the CPU's experts want multiples of 32."""
    kv_heads = random.choice([1, 2, 4])
    config: dict[str, Any] = {
        "vocab_size": random.randrange(100, 700),
        "hidden_size": 32 * random.randrange(2, 7),
        "num_hidden_layers": random.randrange(1, 4),
        "num_attention_heads": kv_heads * random.choice([2, 4]),
        "num_key_value_heads": kv_heads,
        "head_dim": random.choice([32, 64]),
        "tie_word_embeddings": False,
    }
    row: dict[str, Any] = {"model_type": model_type, "config": config}
    if model_type == "helium":
        config["hidden_size"] = config["num_attention_heads"] * config["head_dim"]  # its o_proj takes nothing else
        config["intermediate_size"] = 2 * random.randrange(20, 200)
        return row
    groups = random.choice([1, 2, 3])
    config |= {
        "moe_intermediate_size": 64 * random.randrange(1, 4),
        "n_routed_experts": groups * random.choice([2, 3]),
        "n_shared_experts": random.choice([1, 2]),
        "num_experts_per_tok": 2,
        "n_group": groups,
        "topk_group": 1,
        "attention_bias": random.choice([True, False]),
    }
    if random.random() < 0.5:
        row |= {"dtype": "bfloat16", "fp8_block": [random.choice([16, 48, 128]), random.choice([32, 80])]}
    return row


@pytest.fixture(scope="module")
def cases(loading: Shop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return name → checkpoint; an adapter for each architecture is in the shared tree."""
    root = tmp_path_factory.mktemp("random")
    random = Random(7)
    rows = {
        f"{model_type}-random-{number}": random_row(model_type, random)
        for model_type in ("helium", "solar_open")
        for number in range(RANDOM)
    }
    run(engine().python, MAKER, json.dumps([[row, str(root / name)] for name, row in rows.items()]))
    return {row: checkpoint(row) for row in REAL} | {name: root / name for name in rows}


def rules_of(path: Path) -> WeightMap:
    read = read_checkpoint(path)
    source = find(read.architecture, read.model_type, {}, path, engine().transformers)
    spec = read_from_source(read, source)
    assert spec.decoder is not None, spec.holes
    return weight_map_of(spec.decoder, read, source)


def load_under_vllm(loading: Shop, cases: dict[str, Path], ranks: int, destination: Path) -> None:
    """Run vLLM's loader in one process per rank; what it holds is written to ``destination``."""
    asked = json.dumps([[str(path), str(destination / name)] for name, path in cases.items()])
    port = str(free_port())
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "VLLM_DIST_IDENT": f"ranks_{port}"}
    words = [str(loading.place.python), str(SCRIPT), str(ranks), port, asked]
    done = subprocess.run(
        words, capture_output=True, text=True, env=environment, cwd=destination, timeout=600, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def adapters_for(loading: Shop, cases: dict[str, Path], fp8: bool) -> dict[str, Path]:
    """Put the adapters of Helium and Solar-Open into the tree; the latter with or without dequantisation."""
    chosen = {name: path for name, path in cases.items() if ("fp8_e4m3" in dtypes(path)) == fp8}
    if loading.holds == f"differential, fp8 {fp8}":
        return chosen
    loading.holds = f"differential, fp8 {fp8}"
    for row in ("solar-open-fp8",) if fp8 else ("helium", "solar-open"):
        answer = loading.run("new-model", checkpoint(row), *loading.place.options(), "--strategy", "native")
        assert answer.code == 0, answer.said
    return chosen


def dtypes(path: Path) -> set[str]:
    return {"fp8_e4m3" if header.dtype == "F8_E4M3" else "" for header in read_checkpoint(path).tensors.values()}


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("fp8", [False, True], ids=["plain", "fp8"])
def test_rules_and_loader_do_the_same(
    loading: Shop, cases: dict[str, Path], ranks: int, fp8: bool, tmp_path: Path
) -> None:
    chosen = adapters_for(loading, cases, fp8)
    assert chosen
    load_under_vllm(loading, chosen, ranks, tmp_path)
    for name, path in chosen.items():
        weight_map, tensors = rules_of(path), read_arrays(path)
        rounds = json.loads((path / "config.json").read_text())["dtype"] == "bfloat16"
        for rank in range(ranks):
            failed = tmp_path / f"{name}.{rank}.error"
            assert not failed.exists(), failed.read_text()
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / f"{name}.{rank}.safetensors").rename(tmp_path / name / "model.safetensors")
            held = read_arrays(tmp_path / name)
            expected = load(weight_map, tensors, ranks, rank)
            assert held.keys() == expected.keys(), name
            for parameter, array in expected.items():
                exact = to_bfloat16(array) if rounds else array
                assert np.array_equal(held[parameter], exact), f"{name}, rank {rank} of {ranks}: {parameter}"
