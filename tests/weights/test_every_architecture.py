"""Every architecture that the generator takes: its rules are proved, and each way of being wrong is found.

Reading all of them takes minutes, so these tests run with the engine's.
"""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.reading.of_checkpoint import read_model_of
from scaffold.testing.mutations import MUTATIONS, Mutation
from scaffold.weights import WeightMap, prove
from tests.bench.coverage.rows import make_rows, rows
from tests.lab.engine import engine

pytestmark = pytest.mark.engine
HOLES = {"zaya"}
"""What the generator does not take; `docs/coverage.md` says why."""
LISTED = [name for name, row in rows().items() if row.listed]
TAKEN = [name for name in LISTED if name not in HOLES]


@cache
def known(row: str) -> tuple[Checkpoint, WeightMap | None]:
    make_rows([rows()[name] for name in LISTED])
    read = read_checkpoint(rows()[row].checkpoint)
    reading = read_model_of(read, engine().transformers)
    decoder = reading.spec.decoder
    return read, None if decoder is None else weight_map_of(decoder, read, reading.source)


@pytest.mark.parametrize("row", TAKEN)
def test_the_rules_are_proved_at_each_number_of_ranks(row: str) -> None:
    read, weight_map = known(row)
    assert weight_map is not None
    proof = prove(weight_map, read.tensors, (1, 2, 4))
    assert proof.findings == ()
    assert proof.routed + proof.ignored == len(read.tensors)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
@pytest.mark.parametrize("row", TAKEN)
def test_each_way_of_being_wrong_is_found(row: str, mutation: Mutation) -> None:
    read, weight_map = known(row)
    assert weight_map is not None
    for seed in range(3):
        mutated = mutation.apply(weight_map, dict(read.tensors), Random(seed))
        if mutated is None:
            pytest.skip("this checkpoint has nothing that could be wrong in this way")
        findings = prove(weight_map, mutated).findings
        kinds = {finding.kind for finding in findings}
        assert findings
        assert mutation.finds <= kinds
        changed = {header.name for header in mutated if read.tensors.get(header.name) != header}
        changed |= read.tensors.keys() - {header.name for header in mutated}
        assert changed & {name for finding in findings for name in finding.tensors}


@pytest.mark.parametrize("row", sorted(HOLES))
def test_what_is_not_taken_has_no_rules(row: str) -> None:
    assert known(row)[1] is None
