"""Which registered architectures are what a checkpoint is, by another name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.reading.from_source import read_decoder
from scaffold.roots.vllm_tree import Registered, read_vllm_tree
from scaffold.source.locate import ModelingSource, find
from scaffold.strategy.candidates import Candidates
from tests.lab.checkpoints import checkpoint as lab_checkpoint
from tests.lab.engine import engine
from tests.sampled import costly


def known() -> dict[str, Registered]:
    return dict(read_vllm_tree(engine().pristine).registry)


def own_source(checkpoint: Checkpoint, architecture: str, folder: str) -> ModelingSource:
    source = find(architecture, folder, {}, checkpoint.path, engine().transformers)
    assert source is not None
    return source


def same(row: str, architecture: str, folder: str) -> Iterator[str]:
    """Yield the registered architectures that are found to be what ``architecture`` is with a row's checkpoint."""
    checkpoint = read_checkpoint(lab_checkpoint(row))
    source = own_source(checkpoint, architecture, folder)
    candidates = Candidates(engine().transformers, checkpoint, source)
    spec = read_decoder(source, checkpoint)
    return (entry.architecture for entry in candidates.order(known()) if candidates.has_spec(entry, spec))


@pytest.mark.parametrize(
    ("row", "architecture", "folder", "expected"),
    [
        ("mirror", "Qwen3ForCausalLM", "qwen3", {"Qwen3ForCausalLM"}),
        pytest.param("helium", "HeliumForCausalLM", "helium", set(), marks=pytest.mark.engine),  # as long as one
    ],
)
def test_those_that_are_the_same_are_found_and_no_others(
    row: str, architecture: str, folder: str, expected: set[str]
) -> None:
    assert set(same(row, architecture, folder)) == expected


@costly
def test_layers_behind_the_first_are_looked_at_too() -> None:
    """A window in every other layer: the first is alike with and without that list."""
    checkpoint = read_checkpoint(lab_checkpoint("qwen3"))
    source = own_source(checkpoint, "Qwen3ForCausalLM", "qwen3")
    config = {**checkpoint.text_config, "use_sliding_window": True, "sliding_window": 16}
    kinds = [
        {**config, "layer_types": ["full_attention", second] * 2} for second in ("full_attention", "sliding_attention")
    ]
    plain, mixed = (Checkpoint(**{**vars(checkpoint), "text_config": one, "config": one}) for one in kinds)
    candidates = Candidates(engine().transformers, mixed, source)
    entry = known()["Qwen3ForCausalLM"]
    assert candidates.has_spec(entry, read_decoder(source, mixed)) is True
    assert candidates.has_spec(entry, read_decoder(source, plain)) is False


@pytest.mark.parametrize(("architecture", "folder"), [("Qwen3ForCausalLM", "qwen3"), ("Qwen2ForCausalLM", "qwen2")])
def test_the_class_that_the_source_is_needs_no_comparison_and_no_other_is_it(architecture: str, folder: str) -> None:
    checkpoint = read_checkpoint(lab_checkpoint("mirror"))
    candidates = Candidates(engine().transformers, checkpoint, own_source(checkpoint, architecture, folder))
    assert [
        e.architecture
        for e in known().values()
        if e.architecture.startswith("Qwen")
        and e.architecture.endswith("ForCausalLM")
        and e.architecture in candidates._folders
        and candidates.is_own_class(e)
    ] == [architecture]
    without = Candidates(engine().transformers, checkpoint, None)
    assert not without.is_own_class(known()[architecture])


def test_towers_of_others_are_not_made_at_this_ones_size() -> None:
    checkpoint = read_checkpoint(lab_checkpoint("mirror"))
    config = {**checkpoint.config, "vision_config": {"image_size": 40_000, "patch_size": 1}}
    with_tower = replace(checkpoint, config=config, text_config=config)
    own = own_source(checkpoint, "Qwen3ForCausalLM", "qwen3")
    found = Candidates(engine().transformers, with_tower, own).spec_of(known()["Qwen3ForCausalLM"])
    assert found == read_decoder(own, checkpoint)
    asked = Candidates(engine().transformers, with_tower, own)._without_towers
    assert "vision_config" not in asked.config
    assert "vision_config" not in asked.text_config


def test_source_that_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "models" / "alder" / "modeling_alder.py"
    file.parent.mkdir(parents=True)
    checkpoint = read_checkpoint(lab_checkpoint("qwen3"))
    for name in ("AlderForCausalLM", "Alder2ForCausalLM"):
        file.write_text(f"import torch\n\nclass {name}(torch.nn.Module):\n    pass\n")
        os.utime(file, ns=(0, 0))  # within one tick of a coarse clock
        assert Candidates(tmp_path, checkpoint, None)._folders == {name: "alder"}
