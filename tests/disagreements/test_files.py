"""Files beside ``model.safetensors``: without an index vLLM loads them, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.checkpoint.shards import INDEX
from scaffold.common.errors import CheckpointError
from scaffold.disagreements.finding import Disagreement
from scaffold.disagreements.table import disagreements
from tests.checkpoint.made import shard
from tests.disagreements.llama import tensors, write

LEFT = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


def _found(path: Path) -> list[Disagreement]:
    return list(disagreements(read_checkpoint(path)))


def test_a_trained_adapter_in_a_file_of_its_own_is_read_as_vllm_reads_it(tmp_path: Path) -> None:
    path = write(tmp_path)
    shard(path / "adapter_model.safetensors", {LEFT: ("BF16", (8, 128))})
    files, adapter = _found(path)
    assert (files.kind, files.decides) == ("files", False)
    assert files.tensors.says == f"adapter_model.safetensors is there, with tensors such as {LEFT}"
    assert "vLLM loads every safetensors file of the folder" in files.serves
    assert (adapter.kind, adapter.decides) == ("adapter", True)


def test_an_index_says_which_files_belong(tmp_path: Path) -> None:
    path = write(tmp_path)
    shard(path / "optimizer.safetensors", {"state.0.exp_avg": ("F32", (8, 8))})
    (path / INDEX).write_text(json.dumps({"weight_map": dict.fromkeys(tensors(), "model.safetensors")}))
    read = read_checkpoint(path)
    assert not list(disagreements(read))
    assert "1 safetensors file left out that the index does not name" in read.weights.notes[0]


def test_shards_without_an_index_are_one_checkpoint(tmp_path: Path) -> None:
    path = write(tmp_path)
    (path / "model.safetensors").rename(path / "model-00001-of-00002.safetensors")
    shard(path / "model-00002-of-00002.safetensors", {"model.rotary.inv_freq": ("F32", (16,))})
    assert not [one for one in _found(path) if one.kind == "files"]


def test_the_same_tensors_in_two_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = write(tmp_path)
    shard(path / "model.fp16.safetensors", tensors("F16"))
    with pytest.raises(CheckpointError) as error:
        read_checkpoint(path)
    assert "without model.safetensors.index.json vLLM loads every safetensors file" in (error.value.remedy or "")
