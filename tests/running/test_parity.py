"""What stage parity is told of a checkpoint: windows, and how it is quantised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.running.parity import settings_of
from tests.checkpoint.made import checkpoint

PLAIN = {"model.layers.0.mlp.up_proj.weight": ("BF16", (256, 256))}
FP8 = {
    "model.layers.0.mlp.up_proj.weight": ("F8_E4M3", (256, 256)),
    "model.layers.0.mlp.up_proj.weight_scale_inv": ("F32", (2, 2)),
}
SLIM = {"quant_model_description.json": {"model.layers.0.mlp.up_proj.weight": "W8A8_DYNAMIC"}}


@pytest.mark.parametrize(
    ("tensors", "files", "config", "method"),
    [
        (PLAIN, {}, {}, ""),
        (FP8, {}, {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}, "fp8"),
        (FP8, {}, {}, "fp8 (which config.json does not name)"),
        (FP8, {}, {"quantization_config": {"quant_method": "fbgemm_fp8"}}, "fbgemm_fp8"),
        (PLAIN, SLIM, {}, "modelslim (which config.json does not name)"),
    ],
    ids=["plain", "block fp8", "nobody says so", "another fp8", "ModelSlim"],
)
def test_only_what_the_config_itself_describes_goes_by_its_word(
    tmp_path: Path, tensors: Any, files: dict[str, Any], config: dict[str, Any], method: str
) -> None:
    found = read_checkpoint(checkpoint(tmp_path / "made", tensors, files, **config))
    assert settings_of(found, 60.0).quant_method == method


def test_the_larger_limit_of_attention_counts(tmp_path: Path) -> None:
    sizes = {"sliding_window": 512, "attention_chunk_size": 1024}
    assert settings_of(read_checkpoint(checkpoint(tmp_path / "made", PLAIN, **sizes)), 60.0).window == 1024
    assert settings_of(read_checkpoint(checkpoint(tmp_path / "none", PLAIN, sliding_window=None)), 60.0).window == 0
