"""A checkpoint's tensors as NumPy arrays, including bfloat16 and fp8, and rounding to bfloat16, without torch."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scaffold.checkpoint.shards import read_tensors
from scaffold.weights.transforms import Array

PLAIN = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "I16": np.int16,
    "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip


def read_arrays(checkpoint: Path) -> dict[str, Array]:
    """Return all tensors by name; bfloat16 and fp8 (e4m3) as the float32 numbers that they represent.

    Raises:
        CheckpointError: the files are damaged.
        ValueError: a dtype other than NumPy's, bfloat16 and fp8 e4m3.
    """
    headers = read_tensors(checkpoint)
    arrays: dict[str, Array] = {}
    for shard in sorted({header.shard for header in headers.values()}):
        raw = (checkpoint / shard).read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        entries = json.loads(raw[8 : 8 + length])
        for name, entry in entries.items():
            if name in headers:
                begin, end = (8 + length + offset for offset in entry["data_offsets"])
                arrays[name] = _decode(raw[begin:end], entry["dtype"], name).reshape(headers[name].shape)
    return arrays


def _decode(raw: bytes, dtype: str, name: str) -> Array:
    if dtype == "BF16":
        return (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
    if dtype == "F8_E4M3":
        return E4M3[np.frombuffer(raw, np.uint8)]
    if dtype not in PLAIN:
        raise ValueError(f"{name}: unsupported dtype {dtype}; expected bfloat16, fp8 e4m3 or a dtype of NumPy")
    return np.frombuffer(raw, PLAIN[dtype])


def to_bfloat16(array: Array) -> NDArray[np.float32]:
    """Return the nearest bfloat16 numbers, ties to even, as float32. NaN stays NaN."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(array), np.float32(np.nan), rounded.view(np.float32))


def _e4m3(code: int) -> float:
    """Return the number of a byte in fp8 e4m3fn (OCP 8-bit floating point specification, 5.2)."""
    sign, exponent, mantissa = -1.0 if code & 0x80 else 1.0, (code >> 3) & 15, code & 7
    if exponent == 15 and mantissa == 7:
        return math.nan
    if exponent == 0:
        return sign * mantissa * 2.0**-9
    return sign * (1 + mantissa / 8) * 2.0 ** (exponent - 7)


E4M3: NDArray[np.float32] = np.array([_e4m3(code) for code in range(256)], np.float32)
"""Every number of fp8 e4m3fn by its byte."""
