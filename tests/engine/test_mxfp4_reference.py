"""MXFP4: the reference of stage parity computes with exactly what the definition says that four bits and a scale are.

No engine that is at hand serves such weights: vLLM's CPU engine has no kernel for them, and vllm-ascend takes them in
ModelSlim's form, on A5 alone. What a device's kernels make of them is held against this reference.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from scaffold_validators.reference.dequantise import dequantisation_of
from scaffold_validators.reference.run import Reference, Rows, run_reference
from tests.lab.checkpoints import checkpoint
from tests.lab.engine import engine

pytestmark = pytest.mark.engine
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
"""OCP Microscaling Formats 1.0, section 5.3.3: a sign, two bits of exponent, one of mantissa."""
BIAS, BLOCK = 127, 32
"""Of a scale, E8M0 (section 5.4.1); entries that share one."""
INNER = 128
"""As large as the hidden size, as GPT-OSS has it: a square matrix does not tell which way round it lies."""
TOKENS = [[5, 17, 301, 44, 9, 120, 77, 3]]
Blocks = NDArray[np.uint8]


def dequantised(blocks: Blocks, scales: Blocks) -> NDArray[np.float32]:
    """Return ``[experts, out, in]`` of ``[experts, out, in / 32, 16]`` bytes, the low half first, and their scales."""
    entries = np.stack([E2M1[blocks & 15], E2M1[blocks >> 4]], -1).reshape(*blocks.shape[:-1], BLOCK)
    return (entries * np.exp2(scales.astype(np.float32) - BIAS)[..., None]).reshape(*blocks.shape[:2], -1)


@pytest.fixture(scope="module")
def packed_and_plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two checkpoints of one model: its experts in MXFP4, and as what those stand for."""
    random, root = np.random.default_rng(7), tmp_path_factory.mktemp("mxfp4")
    packed, plain = (Path(shutil.copytree(checkpoint("gpt-oss"), root / name)) for name in ("packed", "plain"))
    for shard in packed.glob("*.safetensors"):
        four, full = load_file(shard), load_file(shard)
        for name in [name for name in four if name.endswith(("experts.gate_up_proj", "experts.down_proj"))]:
            count, columns, rows = four.pop(name).shape  # as the class has them, turned around
            columns, rows = (INNER, rows) if name.endswith("down_proj") else (columns, 2 * INNER)
            blocks = random.integers(0, 256, (count, rows, columns // BLOCK, BLOCK // 2), dtype=np.uint8)
            scales = random.integers(BIAS - 7, BIAS - 3, blocks.shape[:-1], dtype=np.uint8)
            four |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
            full[name] = np.ascontiguousarray(dequantised(blocks, scales).swapaxes(1, 2))
        for tensors in (four, full):
            for name in [name for name in tensors if name.endswith("gate_up_proj_bias")]:
                tensors[name] = np.resize(tensors[name], (tensors[name].shape[0], 2 * INNER))
        save_file(four, shard, metadata={"format": "pt"})
        save_file(full, plain / shard.name, metadata={"format": "pt"})
    index = packed / "model.safetensors.index.json"
    if index.is_file():
        weight_map = {name: shard.name for shard in packed.glob("*.safetensors") for name in load_file(shard)}
        index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    config = json.loads((packed / "config.json").read_text()) | {"intermediate_size": INNER}
    (plain / "config.json").write_text(json.dumps(config))
    (packed / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "mxfp4"}}))
    return packed, plain


def said(path: Path, method: str) -> Rows:
    how = dequantisation_of(method)
    (rows,) = run_reference(Reference(engine().python, path, dequantisation=how, seconds=600), TOKENS, ()).values()
    return rows


def test_the_reference_dequantises_as_the_definition_does(packed_and_plain: tuple[Path, Path]) -> None:
    packed, plain = packed_and_plain
    (four,), (full,) = said(packed, "mxfp4"), said(plain, "")
    assert np.ptp(full.logprobs) > 0.1  # else anything would agree
    assert np.abs(np.array(four.logprobs) - np.array(full.logprobs)).max() < 1e-5
    assert four.best == full.best
