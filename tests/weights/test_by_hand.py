"""Ten models' rules on their real checkpoints: the proof holds, and each mutation fails it with the right finding."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from scaffold.checkpoint.headers import TensorHeader
from scaffold.checkpoint.shards import read_tensors
from scaffold.testing.mutations import EXPERT_CUT, MUTATIONS, Mutation
from scaffold.weights import WeightMap, prove
from tests.lab.checkpoints import checkpoint
from tests.sampled import sampled
from tests.weights.by_hand import MODELS

SIZES = (1, 2, 4)


def read(row: str) -> tuple[dict[str, Any], dict[str, TensorHeader], WeightMap]:
    path: Path = checkpoint(row)
    config = json.loads((path / "config.json").read_text())
    return config, read_tensors(path), MODELS[row](config)


@pytest.mark.parametrize("row", MODELS)
def test_the_proof_holds(row: str) -> None:
    _, headers, weight_map = read(row)
    proof = prove(weight_map, headers, SIZES)
    assert proof.findings == ()
    assert proof.routed + proof.ignored == proof.tensors == len(headers)
    assert proof.bytes_per_rank[1] == sum(header.num_bytes for header in headers.values())
    assert proof.bytes_per_rank[4] < proof.bytes_per_rank[2] < proof.bytes_per_rank[1]


@pytest.mark.parametrize("mutation", sampled(MUTATIONS, every=3), ids=lambda m: m.name)
@pytest.mark.parametrize("row", MODELS)
def test_each_mutation_is_found(row: str, mutation: Mutation) -> None:
    _, headers, weight_map = read(row)
    applied = 0
    for seed in range(5):
        mutated = mutation.apply(weight_map, headers, Random(seed))
        if mutated is None:
            continue
        applied += 1
        changed = {h.name for h in mutated} ^ headers.keys() or {
            h.name for h in mutated if headers[h.name] != h
        }  # fmt: skip
        findings = prove(weight_map, mutated, SIZES).findings
        kinds = {finding.kind for finding in findings}
        assert mutation.finds <= kinds
        assert mutation.finds or kinds & EXPERT_CUT
        assert changed & {name for finding in findings for name in finding.tensors}
    quantised, sparse = "fp8" in row, row in ("mixtral", "olmoe", "gpt-oss", "deepseek-v3-fp8")
    possible = {"drop a scale": quantised, "drop the weight of a scale": quantised, "cut an expert": sparse,
                "another number of KV heads": row != "deepseek-v3-fp8"}  # its attention has latent vectors  # fmt: skip
    assert applied == (5 if possible.get(mutation.name, True) else 0)


@pytest.mark.parametrize("row", ["qwen3", "gemma2", "phi3", "mixtral", "gpt-oss", "olmoe"])
def test_another_number_of_kv_heads_is_found(row: str) -> None:
    config, headers, _ = read(row)
    assert config["num_key_value_heads"] == 2
    findings = prove(MODELS[row]({**config, "num_key_value_heads": 1}), headers, SIZES).findings
    assert {finding.kind for finding in findings} == {"shape"}
    assert any("k_proj" in f.rule or "qkv_proj" in f.rule for f in findings)


def test_what_no_rank_count_can_share_is_found() -> None:
    _, headers, weight_map = read("qwen3")
    findings = prove(weight_map, headers, (3, 8)).findings
    assert {finding.kind for finding in findings} == {"uneven"}
    assert {finding.ranks for finding in findings} == {3, 8}
    assert any("4 heads of 64 cannot be shared evenly by 8 ranks (shard q)" in f.says for f in findings)


def test_multi_token_prediction_is_left_out_for_a_reason() -> None:
    config, headers, weight_map = read("deepseek-v3-fp8")
    number = config["num_hidden_layers"]
    header = headers["model.norm.weight"]
    extra = TensorHeader(f"model.layers.{number}.eh_proj.weight", "BF16", (256, 512), header.shard)
    proof = prove(weight_map, [*headers.values(), extra])
    assert proof.findings == ()
    assert proof.ignored == 1
