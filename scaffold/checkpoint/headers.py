"""Headers of safetensors files, bounded and checked.

Format: 8 bytes of header length (little endian), that many bytes of JSON, then the data
(https://huggingface.co/docs/safetensors, "Format").
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scaffold.checkpoint.jsonfile import parse_object
from scaffold.errors import CheckpointError

MAX_HEADER_BYTES = 100_000_000
"""The limit of the reference implementation (safetensors/src/tensor.rs, MAX_HEADER_SIZE)."""
MAX_DIMENSIONS = 64
"""What NumPy takes; torch takes no more."""

DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
REMEDY = "download the shard again; a checksum of the publisher, if there is one, tells which is damaged"


@dataclass(frozen=True)
class TensorHeader:
    """One tensor as its shard describes it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    shard: str

    @cached_property
    def num_bytes(self) -> int:
        """Return the size of the data in bytes."""
        return math.prod(self.shape) * DTYPE_BITS[self.dtype] // 8


def read_headers(path: Path) -> list[TensorHeader]:
    """Read and check the header of one shard; no tensor data is read.

    Raises:
        CheckpointError: the header is damaged, or does not fit the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise _damaged(path, f"{size} bytes", "at least 8 bytes")
        (length,) = struct.unpack("<Q", start)
        if length > min(size - 8, MAX_HEADER_BYTES):
            raise _damaged(
                path,
                f"a header of {length:,} bytes in a file of {size:,}",
                f"at most {min(size - 8, MAX_HEADER_BYTES):,} (byte 0)",
            )
        raw = file.read(length)
    header = parse_object(raw, path.name, "a safetensors header", REMEDY)
    header.pop("__metadata__", None)
    spans = []
    tensors = []
    for name, entry in header.items():
        tensor, begin, end = _entry(path, name, entry)
        tensors.append(tensor)
        spans.append((begin, end, name))
    _check_spans(path, spans, size - 8 - length)
    return tensors


def _entry(path: Path, name: str, entry: Any) -> tuple[TensorHeader, int, int]:
    if not isinstance(entry, dict):
        raise _damaged(path, f"{name!r}: {entry!r}"[:200], "an object with dtype, shape, data_offsets")
    dtype: Any = entry.get("dtype")
    shape: Any = entry.get("shape")
    offsets: Any = entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise _damaged(path, f"{name!r}: the dtype {dtype!r}"[:200], f"one of {', '.join(DTYPE_BITS)}")
    if not _naturals(shape) or len(shape) > MAX_DIMENSIONS:
        expected = f"a list of at most {MAX_DIMENSIONS} sizes, 0 or more each"
        raise _damaged(path, f"{name!r}: the shape {str(shape)[:150]}", expected)
    if not _naturals(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _damaged(path, f"{name!r}: the offsets {offsets!r}"[:200], "begin and end")
    tensor = TensorHeader(name, dtype, tuple(shape), path.name)
    if tensor.num_bytes != offsets[1] - offsets[0]:
        raise _damaged(
            path,
            f"{name!r}: {offsets[1] - offsets[0]:,} bytes",
            f"{tensor.num_bytes:,} for {dtype} {list(shape)}",
        )
    return tensor, offsets[0], offsets[1]


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**62 for n in value)


def _check_spans(path: Path, spans: list[tuple[int, int, str]], available: int) -> None:
    position = 0
    for begin, end, name in sorted(spans):
        if begin != position:
            kind = "overlaps the tensor before it" if begin < position else "leaves a gap before it"
            raise _damaged(path, f"{name!r} at byte {begin:,} {kind}", f"byte {position:,} of the data")
        position = end
    if position != available:
        what = "truncated" if position > available else "longer than its header says"
        raise _damaged(path, f"{available:,} bytes of data: {what}", f"{position:,} bytes")


def _damaged(path: Path, found: str, expected: str) -> CheckpointError:
    return CheckpointError(found, where=path.name, expected=expected, remedy=REMEDY)
