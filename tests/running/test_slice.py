"""A slice of a model whose source is understood: its layers are what they are in the whole, its weights are proved."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import CheckFailed, UsageError
from scaffold.mapping.of_checkpoint import tensors_of, weight_map_of
from scaffold.reading.of_checkpoint import read_model_of
from scaffold.running.slice import make_slice
from scaffold.running.validation import ParityOptions, one_comparison
from scaffold.slicing.cost import Means
from scaffold.weights.prove import prove
from scaffold_validators.stages.table import default_gates, with_needs
from tests.models.mixed import FULL, SLIDING, write_mixed
from tests.sampled import costly

PLENTY = Means(10**12, 2, 1e9)


@costly
def test_the_slice_has_each_kind_of_layer_and_its_weights_are_proved(tmp_path: Path) -> None:
    kinds = [SLIDING, SLIDING, FULL, SLIDING, SLIDING]
    whole = read_checkpoint(write_mixed("lyra", tmp_path / "lyra", num_hidden_layers=5, layer_types=kinds))
    made = make_slice(whole, 3, PLENTY, tmp_path / "cut", None)
    assert (made.layers, made.of, made.proved) == (3, 5, True)
    reading = read_model_of(read_checkpoint(made.path))
    decoder = reading.spec.decoder
    assert decoder is not None
    dense, sparse, full = decoder.layers
    assert type(dense.feed_forward) is not type(sparse.feed_forward)
    assert sparse.mixer != full.mixer
    tensors = tensors_of(reading.checkpoint, decoder)
    assert prove(weight_map_of(decoder, reading.checkpoint, reading.source), tensors).holds
    with pytest.raises(UsageError, match="expected 3 to 5: with fewer, a kind of layer is left out"):
        make_slice(whole, 2, PLENTY, tmp_path / "cut", None)


@costly
def test_without_a_number_it_is_as_large_as_there_is_room_for(tmp_path: Path) -> None:
    whole = read_checkpoint(write_mixed("orion", tmp_path / "orion"))
    assert make_slice(whole, None, PLENTY, tmp_path / "cut", None).layers == 4
    with pytest.raises(CheckFailed, match="the reference of the first 4 layers takes about"):
        make_slice(whole, None, Means(1000, 2, 1e9), tmp_path / "cut", None)


def test_one_comparison_is_enough_and_the_whole_goes_first_where_it_fits(nova: Path) -> None:
    checkpoint = read_checkpoint(nova)
    names = lambda stages, parity: [s.name for s in one_comparison(stages, checkpoint, parity)]  # noqa: E731
    assert names(default_gates(), ParityOptions()) == ["dummy", "real", "parity"]
    assert names(default_gates(), ParityOptions(slice_layers=2)) == ["dummy", "real", "slice"]
    assert names(default_gates(), ParityOptions(reference_seconds=1e-6)) == ["dummy", "real", "slice"]
    assert names(with_needs(["parity"]), ParityOptions(reference_seconds=1e-6)) == ["real", "parity"]
