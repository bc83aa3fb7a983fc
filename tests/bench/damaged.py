"""Checkpoints with real data for the verifying benchmark: weights as a model has them, and one damaged number."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scaffold.checkpoint.headers import DTYPE_BITS

ROWS, COLUMNS = 4096, 4096
FORMATS = ("BF16", "F16", "F8_E4M3", "F8_E5M2", "F32")
NAN = {"BF16": b"\xc0\x7f", "F16": b"\x01\x7e", "F8_E4M3": b"\x7f", "F8_E5M2": b"\x7e", "F32": b"\x00\x00\xc0\x7f"}


def _bytes_of(dtype: str) -> NDArray[np.uint8]:
    """Return the data of one tensor: normally distributed weights, or for fp8 random bits that are no NaN."""
    rng = np.random.default_rng(0)
    if dtype.startswith("F8"):
        return (rng.integers(0, 0x78, ROWS * COLUMNS) | (rng.integers(0, 2, ROWS * COLUMNS) << 7)).astype(np.uint8)
    values = (rng.standard_normal(ROWS * COLUMNS) * 0.02).astype(np.float32)
    if dtype == "F32":
        return values.view(np.uint8)
    if dtype == "F16":
        return values.astype(np.float16).view(np.uint8)
    return (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)


def write(directory: Path, gib: float, shards: int = 8) -> int:
    """Write a checkpoint of about ``gib`` GiB, a format per tensor in turn; return the bytes of its shards."""
    directory.mkdir(parents=True)
    config = {"architectures": ["MadeForCausalLM"], "model_type": "made", "hidden_size": COLUMNS}
    (directory / "config.json").write_text(json.dumps(config))
    data = {dtype: _bytes_of(dtype) for dtype in FORMATS}
    budget, total, number = int(gib * 2**30 / shards), 0, 0
    for shard in range(shards):
        header: dict[str, object] = {}
        parts, position = [], 0
        while position < budget:
            dtype = FORMATS[number % len(FORMATS)]
            end = position + ROWS * COLUMNS * DTYPE_BITS[dtype] // 8
            name = f"model.layers.{number}.mlp.up_proj.weight"
            header[name] = {"dtype": dtype, "shape": [ROWS, COLUMNS], "data_offsets": [position, end]}
            parts.append(data[dtype])
            position, number = end, number + 1
        raw = json.dumps(header).encode()
        with (directory / f"model-{shard + 1:05d}-of-{shards:05d}.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(raw)) + raw)
            for part in parts:
                file.write(memoryview(part))
        total += 8 + len(raw) + position
    return total
