"""Checkpoints made of headers alone: any names, data types and shapes, with no data behind them."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffold.checkpoint.headers import DTYPE_BITS

CONFIG: dict[str, Any] = {
    "architectures": ["MadeForCausalLM"],
    "model_type": "made",
    "hidden_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 512,
}
Tensors = Mapping[str, tuple[str, tuple[int, ...]]]
"""Name → data type and shape."""


def shard(path: Path, tensors: Tensors) -> Path:
    """Write a shard: a right header, and a hole for the data."""
    header: dict[str, Any] = {}
    position = 0
    for name, (dtype, shape) in tensors.items():
        end = position + math.prod(shape) * DTYPE_BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, end]}
        position = end
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + position)
    return path


def checkpoint(directory: Path, tensors: Tensors, files: Mapping[str, Any] | None = None, **config: Any) -> Path:
    """Write a checkpoint of one shard; ``files`` are further JSON files, ``config`` goes into the config."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps({**CONFIG, **config}))
    for name, content in (files or {}).items():
        (directory / name).write_text(content if isinstance(content, str) else json.dumps(content))
    shard(directory / "model.safetensors", tensors)
    return directory
