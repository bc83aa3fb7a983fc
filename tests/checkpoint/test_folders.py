"""Folders that hold no checkpoint of a model: what they are, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.folders import KINDS
from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import CheckpointError


@pytest.mark.parametrize(
    ("files", "found", "remedy"),
    [
        (("adapter_config.json", "adapter_model.safetensors"), "an adapter (LoRA or similar)", "--enable-lora"),
        (("elm-Q4_K_M.gguf",), "GGUF, the format of llama.cpp: it has 'elm-Q4_K_M.gguf'", "converted from"),
        (("params.json", "consolidated.safetensors"), "the publisher's own layout", "layout of transformers"),
        (("model_index.json", "unet/config.json"), "a diffusers pipeline", "the part"),
        (("zero_to_fp32.py", "global_step9/mp_rank_00_model_states.pt"), "DeepSpeed", "zero_to_fp32.py"),
        ((".metadata", "__0_0.distcp"), "a sharded training state", "save_pretrained"),
        (("latest_checkpointed_iteration.txt",), "Megatron or NeMo", "convert it"),
        (("elm.onnx",), "another runtime", "exported from"),
        ((".cache/huggingface/download/a.incomplete",), "an unfinished download", "start it again"),
        (("snapshots/abc/config.json", "refs/main"), "a subfolder has one: 'snapshots/abc'", "that has config.json"),
        (
            ("checkpoint-9/config.json", "checkpoint-8/config.json"),
            "a subfolder has one: 'checkpoint-8', 'checkpoint-9'",
            "pass",
        ),
        ((), "no file config.json", "download the complete checkpoint again"),
    ],
)
def test_it_is_said_what_a_folder_holds(tmp_path: Path, files: tuple[str, ...], found: str, remedy: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    with pytest.raises(CheckpointError) as refused:
        read_checkpoint(tmp_path)
    assert found in refused.value.found
    assert remedy in refused.value.remedy


def test_a_config_makes_it_a_checkpoint(tmp_path: Path) -> None:
    for kind in KINDS:
        (tmp_path / kind.names[0].replace("*", "x")).touch()
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        read_checkpoint(tmp_path)
