"""Rules that are derived from a spec, on real checkpoints: the proof holds, and each mutation fails it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from scaffold.testing import properties
from scaffold.testing.arrays import read_arrays
from scaffold.testing.mutations import MUTATIONS, Mutation
from scaffold.testing.strategies import MutatedHeaders
from scaffold.weights import prove
from tests.sampled import sampled
from tests.weights.generated import ROWS, read, rules

SCALED = ("drop a scale", "drop the weight of a scale")


@pytest.mark.parametrize("row", ROWS)
def test_the_proof_holds(row: str, tmp_path: Path) -> None:
    found = read(row, tmp_path)
    properties.proof_holds(rules(found), found.tensors, (1, 2))


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("ranks", [1, 2])
def test_the_real_tensors_are_held_exactly(row: str, ranks: int, tmp_path: Path) -> None:
    found = read(row, tmp_path)
    properties.loading_can_be_undone(rules(found), read_arrays(found.path), ranks)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
@pytest.mark.parametrize("row", ROWS)
def test_each_mutation_is_found(row: str, mutation: Mutation, tmp_path: Path) -> None:
    found = read(row, tmp_path)
    weight_map, applied = rules(found), 0
    for seed in range(5):
        mutated = mutation.apply(weight_map, dict(found.tensors), Random(seed))
        if mutated is None:
            continue
        applied += 1
        properties.mutation_is_found(weight_map, MutatedHeaders(mutation, mutated))
        changed = {header.name for header in mutated if found.tensors.get(header.name) != header}
        changed |= found.tensors.keys() - {header.name for header in mutated}
        named = {name for finding in prove(weight_map, mutated).findings for name in finding.tensors}
        assert changed & named
    possible = dict.fromkeys(SCALED, row == "solar-open-fp8") | {"cut an expert": row.startswith("solar")}
    assert applied == (5 if possible.get(mutation.name, True) else 0)


@pytest.mark.parametrize("row", sampled(ROWS, every=2))
def test_another_number_of_kv_heads_in_the_config_is_found(row: str, tmp_path: Path) -> None:
    found = read(row, tmp_path)
    findings = prove(rules(found, num_key_value_heads=1), found.tensors).findings
    assert {finding.kind for finding in findings} <= {"shape", "scale-shape"}
    concerned = {finding.rule.rpartition("_proj")[0][-1] for finding in findings}
    assert concerned == {"k", "v"}
    assert all(len(finding.tensors) == found.config["num_hidden_layers"] for finding in findings)
