"""A slice that was written is read as the slice that was meant, byte for byte of the whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import CheckFailed, UsageError
from scaffold.slicing.cost import Means, cost_of, largest_fitting, last_true
from scaffold.slicing.layers import layers_of
from scaffold.slicing.value import slice_of
from scaffold.slicing.write import write_slice
from tests.checkpoint.made import CONFIG

DENSE, SPARSE = ("mlp.up_proj.weight",), ("mlp.gate.weight", "mlp.experts.0.up_proj.weight")


def whole(folder: Path, kinds: list[tuple[str, ...]], per_shard: int, prefix: str = "model.layers.") -> Path:
    """Write a checkpoint of these kinds of layers, so many tensors in a shard; a tower has layers of its own."""
    rng = np.random.default_rng(0)
    names = ["model.embed_tokens.weight", "vision_tower.layers.0.fc.weight", "vision_tower.layers.9.fc.weight"]
    names += [f"{prefix}{index}.{name}" for index, kind in enumerate(kinds) for name in ("norm.weight", *kind)]
    names += [f"{prefix}{len(kinds)}.eh_proj.weight", "model.norm.weight"]
    folder.mkdir(parents=True)
    config = {**CONFIG, "num_hidden_layers": len(kinds), "num_nextn_predict_layers": 1}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "pytorch_model.bin").write_text("no")
    parts = [names[start : start + per_shard] for start in range(0, len(names), per_shard)]
    weight_map = {}
    for number, part in enumerate(parts):
        shard = f"model-{number + 1:05}-of-{len(parts):05}.safetensors" if len(parts) > 1 else "model.safetensors"
        save_file({name: rng.random((3, 4), np.float32) for name in part}, folder / shard, {"format": "pt"})
        weight_map |= dict.fromkeys(part, shard)
    if len(parts) > 1:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


@given(
    kinds=st.lists(st.sampled_from([DENSE, SPARSE]), min_size=1, max_size=8),
    per_shard=st.sampled_from([1, 3, 7, 1000]),
    data=st.data(),
)
def test_it_is_read_as_what_was_meant(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[tuple[str, ...]], per_shard: int, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("slice")
    source = read_checkpoint(whole(folder / "whole", kinds, per_shard))
    layers = layers_of(source, None)
    assert layers.least == 1 + max(kinds.index(kind) for kind in set(kinds))
    count = data.draw(st.integers(layers.least, len(kinds)))
    cut = slice_of(source, layers, count)
    write_slice(source, cut, folder / "cut")
    found = read_checkpoint(folder / "cut")
    assert found.config == cut.config
    assert found.weights.forms.keys() == cut.weights.forms.keys()
    assert {kind for number, kind in enumerate(kinds) if number < count} == set(kinds)
    numbers = {layers.number_of(name) for name in found.weights.forms} - {None}
    assert numbers == set(range(count))
    everything = {n: t for shard in source.weights.shards for n, t in load_file(source.path / shard).items()}
    for shard in found.weights.shards:
        for name, tensor in load_file(found.path / shard).items():
            assert np.array_equal(tensor, everything[name])


def test_whole_shards_are_linked_and_border_shards_written_anew(tmp_path: Path) -> None:
    source = read_checkpoint(whole(tmp_path / "whole", [DENSE] * 6, 4))
    before = {path.name: path.read_bytes() for path in source.path.iterdir()}
    layers = layers_of(source, None)
    write_slice(source, slice_of(source, layers, 3), tmp_path / "cut")
    linked = {p.name for p in (tmp_path / "cut").glob("*.safetensors") if p.samefile(source.path / p.name)}
    assert linked == {f"model-0000{number}-of-00005.safetensors" for number in (1, 2, 5)}
    assert len(list((tmp_path / "cut").glob("*.safetensors"))) == 4  # the third holds the border, the fourth goes
    assert (tmp_path / "cut" / "tokenizer.json").exists()
    assert not (tmp_path / "cut" / "pytorch_model.bin").exists()
    assert {path.name: path.read_bytes() for path in source.path.iterdir()} == before


def test_it_is_made_anew_over_an_earlier_one_and_over_nothing_else(tmp_path: Path) -> None:
    source = read_checkpoint(whole(tmp_path / "whole", [DENSE] * 6, 4))
    layers = layers_of(source, None)
    for count in (5, 2):
        write_slice(source, slice_of(source, layers, count), tmp_path / "cut")
        assert read_checkpoint(tmp_path / "cut").config["num_hidden_layers"] == count
    with pytest.raises(UsageError, match="a directory that is no slice"):
        write_slice(source, slice_of(source, layers, 2), source.path)
    assert (source.path / "config.json").exists()


def test_what_the_config_repeats_is_told_apart_even_where_tensors_are_alike(tmp_path: Path) -> None:
    path = whole(tmp_path / "whole", [DENSE] * 12, 1000)
    config = json.loads((path / "config.json").read_text())
    for key, value, least in (
        ("layer_types", ["a"] * 7 + ["b"] + ["a"] * 4, 8),
        ("sliding_window_pattern", 6, 6),
        ("mlp_only_layers", [0, 1, 2], 4),
        ("hybrid_override_pattern", "MMMMM*MMMMMM", 6),
    ):
        (path / "config.json").write_text(json.dumps({**config, key: value}))
        assert layers_of(read_checkpoint(path), None).least == least, key


@pytest.mark.parametrize("change", [{"hidden_size_per_layer_input": 256}, {"num_hidden_layers": 30}])
def test_what_depends_on_the_number_of_layers_elsewhere_is_not_sliced(tmp_path: Path, change: dict[str, int]) -> None:
    path = whole(tmp_path / "whole", [DENSE] * 12, 1000)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(CheckFailed, match="for a slice of the first layers"):
        layers_of(read_checkpoint(path), None)


def test_the_largest_slice_that_memory_and_time_allow(tmp_path: Path) -> None:
    source = read_checkpoint(whole(tmp_path / "whole", [DENSE, *[SPARSE] * 11], 1000))
    layers = layers_of(source, None)
    five = cost_of(slice_of(source, layers, 5), 2)
    assert largest_fitting(source, layers, Means(five.memory, 2, 1e9)) == 5
    assert largest_fitting(source, layers, Means(10**12, 2, five.seconds)) == 5
    assert largest_fitting(source, layers, Means(10**12, 2, 1e9)) == 12
    two = cost_of(slice_of(source, layers, 2), 2)
    assert largest_fitting(source, layers, Means(two.memory - 1, 2, 1e9)) == 0


@given(low=st.integers(1, 50), span=st.integers(0, 50), most=st.integers(0, 120))
def test_the_last_of_which_something_holds(low: int, span: int, most: int) -> None:
    expected = min(low + span, most) if most >= low else 0
    assert last_true(low, low + span, lambda number: number <= most) == expected
