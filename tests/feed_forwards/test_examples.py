"""Each kind of feed-forward block's own example: read, and its weights proved."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.feed_forwards import table
from scaffold.feed_forwards.protocol import FeedForward
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers import grouped_query
from scaffold.weights.prove import prove
from tests.mixers.test_examples import read
from tests.models.around import write_around


@pytest.mark.parametrize("kind", table.kinds(), ids=lambda kind: kind.NAME)
def test_an_example_is_what_its_kind_says(tmp_path: Path, kind: FeedForward) -> None:
    directory = write_around(tmp_path, {"wide": grouped_query.EXAMPLE}, ["wide"] * 2, kind.EXAMPLE)
    checkpoint, source, decoder = read(directory)
    assert [layer.feed_forward for layer in decoder.layers] == [kind.EXAMPLE.spec] * 2
    assert table.kind_of(decoder.layer.feed_forward) is kind
    assert kind.num_experts(decoder.layer.feed_forward) == kind.EXAMPLE.num_experts
    assert prove(weight_map_of(decoder, checkpoint, source), checkpoint.tensors, (1, 2, 4)).holds
