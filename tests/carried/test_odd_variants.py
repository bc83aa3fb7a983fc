"""Odd variants of blocks: carried over, or a hole that says what is not. `make bench-carried` serves them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.reading.from_source import read_from_source
from scaffold.reading.present import decoder_facts
from scaffold.source.locate import find
from tests.models.odd_blocks import write_odd
from tests.models.odd_variants import VARIANTS
from tests.sampled import sampled

HOLES = {
    "values of the first layer in all others": "a value residual",
    "one attention less another, and a gate": "how two attentions that share q and k become one output",
}
IDIOM = "a soft cap of the scores, tanh by its sigmoid"
"""It is one whatever the source writes for tanh."""


@pytest.mark.parametrize("name", sampled(VARIANTS, every=6))
def test_a_variant_is_carried_over_or_a_hole(tmp_path: Path, name: str) -> None:
    checkpoint = read_checkpoint(write_odd(tmp_path, VARIANTS[name]))
    source = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), tmp_path, None)
    spec = read_from_source(checkpoint, source)
    if name in HOLES:
        assert spec.decoder is None
        assert HOLES[name] in " ".join(hole.what for hole in spec.holes)
    else:
        assert spec.decoder is not None, spec.holes
        carried = any("carried over" in str(fact.value) for fact in decoder_facts(spec.decoder))
        assert carried == (name != IDIOM)


def test_a_dozen_of_them_have_an_adapter_with_statements_carried_over() -> None:
    assert set(HOLES) <= set(VARIANTS)
    assert len(VARIANTS) - len(HOLES) - 1 >= 12
