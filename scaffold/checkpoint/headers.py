"""Headers of safetensors files, bounded and checked.

Format: 8 bytes of header length (little endian), that many bytes of JSON which start with ``{``, then the data
(https://huggingface.co/docs/safetensors, "Format"). A header is legal if the reference implementation accepts it
(safetensors/src/tensor.rs): empty tensors and scalars are legal; gaps, overlaps and other lengths are not.

Most headers are read by a fast path that is used only if it cannot miss anything (`_fast`); every other header,
and so every damaged one, is read by a careful path, which names what is wrong.
"""

from __future__ import annotations

import json
import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from scaffold.checkpoint.files import regular_file, unreadable
from scaffold.checkpoint.jsonfile import careful, decoded, invalid, no_such_number
from scaffold.checkpoint.text import shown
from scaffold.common.errors import CheckpointError

MAX_HEADER_BYTES = 100_000_000
"""The limit of the reference implementation (safetensors/src/tensor.rs, MAX_HEADER_SIZE)."""
MAX_DIMENSIONS = 64
"""NumPy's limit; torch accepts no more."""
MAX_SIZE = 2**62

DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
METADATA = "__metadata__"
EXPECTED = "a safetensors header"
REMEDY = "download the shard again; the publisher's checksum, if there is one, shows which shard is damaged"


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """One tensor as its shard describes it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    shard: str

    @property
    def num_bytes(self) -> int:
        """Return the size of the data in bytes."""
        return math.prod(self.shape) * DTYPE_BITS[self.dtype] // 8


class Span(NamedTuple):
    """Where a tensor's data is: bytes of the file, begin inclusive, end exclusive."""

    header: TensorHeader
    begin: int
    end: int


class Form(NamedTuple):
    """What tensors of one shard share: one value for many names, as a checkpoint has up to half a million of them."""

    num_bytes: int
    dtype: str
    shape: tuple[int, ...]
    shard: str
    has_bits: bool
    """The shape has a 0 or 1, to which ``false`` or ``true`` would be equal."""


Forms = dict[str, Form]
"""Tensor name → form."""


class ShardHeader(NamedTuple):
    """The header of one shard: raw, as forms of its tensors, and the file's size and modification time."""

    raw: bytes
    forms: Forms
    file_bytes: int
    modified_ns: int

    def spans(self) -> list[Span]:
        """Return where each tensor's data is, in the order of the file."""
        entries = json.loads(self.raw)
        start = 8 + len(self.raw)
        found = []
        for name, form in self.forms.items():
            begin, end = entries[name]["data_offsets"]
            found.append(Span(header(name, form), start + begin, start + end))
        return sorted(found, key=lambda span: (span.begin, span.end))


def header(name: str, form: Form) -> TensorHeader:
    """Return a tensor as a separate value."""
    return TensorHeader(name, form.dtype, form.shape, form.shard)


def read_headers(path: Path) -> list[TensorHeader]:
    """Read and check the header of one shard; no tensor data is read.

    Raises:
        CheckpointError: the header is damaged, or does not fit the file.
    """
    return [header(name, form) for name, form in read_shard(path).forms.items()]


def read_shard(path: Path, expected: str = "a safetensors file") -> ShardHeader:
    """Read and check the header of one shard.

    Args:
        path: the file, directly in the checkpoint's directory.
        expected: what the file is, for the message.

    Raises:
        CheckpointError: it is not a regular file of the directory, or its header is damaged or does not fit.
    """
    regular_file(path.parent, path.name, expected)
    try:
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            start = file.read(8)
            raw = file.read(_header_length(path, start, status.st_size))
    except OSError as error:
        raise unreadable(path, error, expected) from error
    available = status.st_size - 8 - len(raw)
    if not raw.startswith(b"{"):
        _damaged(path, f"a header that starts with {raw[:8]!r} (byte 8)", "the character '{'")
    forms = _fast(raw, path.name, available)
    if forms is None:
        forms = _careful(raw, path, available)
    return ShardHeader(raw, forms, status.st_size, status.st_mtime_ns)


def _header_length(path: Path, start: bytes, size: int) -> int:
    if len(start) < 8:
        _damaged(path, f"{size} bytes", "at least 8 bytes")
    (length,) = struct.unpack("<Q", start)
    limit = min(size - 8, MAX_HEADER_BYTES)
    if length > limit:
        _damaged(path, f"a header of {length:,} bytes in a file of {size:,}", f"at most {limit:,} (byte 0)")
    return int(length)


def _fast(raw: bytes, shard: str, available: int) -> Forms | None:
    """Return the tensors of a header in which nothing is unusual, otherwise None.

    A duplicate key is lost in parsing, but its quotes stay: without escapes every string has two of them,
    and an entry has five strings, so the number of quotes shows whether everything written was also found.
    Numbers with a fraction are rejected; ``false`` and ``true`` would compare equal to 0 and 1, so their
    types are checked wherever there is a 0 or a 1.
    """
    if b"\\" in raw:
        return None
    try:
        entries = json.loads(decoded(raw), parse_float=no_such_number, parse_constant=no_such_number)
        metadata = entries.pop(METADATA, None)
        quotes = 10 * len(entries) + (0 if metadata is None else 2 + 4 * len(metadata))
        if raw.count(b'"') != quotes or not _is_metadata(metadata):
            return None
        return _forms(entries, shard, available)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _forms(entries: dict[str, Any], shard: str, available: int) -> Forms | None:
    known: dict[tuple[str, tuple[int, ...]], Form] = {}
    forms: Forms = {}
    position = 0
    in_order = True
    for name, entry in entries.items():
        begin, end = entry["data_offsets"]
        key = (entry["dtype"], tuple(entry["shape"]))
        form = known.get(key)
        if form is None:
            form = known[key] = Form(_size(*key), *key, shard, 0 in key[1] or 1 in key[1])
        if form[4] and bool in map(type, key[1]):
            return None
        if end < 2 and (type(begin) is not int or type(end) is not int):
            return None
        if end - begin != form[0]:
            return None
        if begin != position:
            in_order = False
        position = end
        forms[name] = form
    if not in_order:
        position = 0
        for begin, end in sorted(entry["data_offsets"] for entry in entries.values()):
            if begin != position or type(begin) is not int:
                return None
            position = end
    return forms if position == available else None


def _size(dtype: str, shape: tuple[int, ...]) -> int:
    """Return the bytes of a tensor.

    Raises:
        ValueError: its shape is not one, or it does not fill whole bytes.
        KeyError: there is no such data type.
    """
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and 0 <= n < MAX_SIZE for n in shape):
        raise ValueError("no shape")
    size, rest = divmod(math.prod(shape) * DTYPE_BITS[dtype], 8)
    if rest or size >= MAX_SIZE:
        raise ValueError("no whole bytes")
    return size


def _careful(raw: bytes, path: Path, available: int) -> Forms:
    try:
        entries = careful(decoded(raw), no_such_number)
    except (ValueError, RecursionError) as error:
        raise invalid(error, path.name, EXPECTED, REMEDY) from error
    if not isinstance(entries, dict):
        _damaged(path, f"a JSON {type(entries).__name__}", EXPECTED)
    metadata = entries.pop(METADATA, None)
    if not _is_metadata(metadata):
        _damaged(path, f"{METADATA}: {shown(metadata)}", "an object from strings to strings")
    spans = []
    forms = {}
    for name, entry in entries.items():
        forms[name], begin, end = _entry(path, name, entry)
        spans.append((begin, end, name))
    _check_spans(path, spans, available)
    return forms


def _is_metadata(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(isinstance(v, str) for v in value.values()))


def _entry(path: Path, name: str, entry: Any) -> tuple[Form, int, int]:
    if not isinstance(entry, dict):
        _damaged(path, f"{shown(name)}: {shown(entry)}", "an object with dtype, shape, data_offsets")
    dtype: Any = entry.get("dtype")
    shape: Any = entry.get("shape")
    offsets: Any = entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        _damaged(path, f"{shown(name)}: the dtype {shown(dtype)}", f"one of {', '.join(DTYPE_BITS)}")
    if not _naturals(shape) or len(shape) > MAX_DIMENSIONS:
        expected = f"a list of at most {MAX_DIMENSIONS} sizes, 0 or more each"
        _damaged(path, f"{shown(name)}: the shape {shown(shape)}", expected)
    if not _naturals(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        _damaged(path, f"{shown(name)}: the offsets {shown(offsets)}", "begin and end")
    begin, end = offsets
    try:
        size = _size(dtype, tuple(shape))
    except ValueError:
        _damaged(path, f"{shown(name)}: {dtype} {shown(shape)}", "whole bytes, fewer than 2^62")
    if size != end - begin:
        _damaged(path, f"{shown(name)}: {end - begin:,} bytes", f"{size:,} for {dtype} {shown(shape)}")
    return Form(size, dtype, tuple(shape), path.name, False), begin, end


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < MAX_SIZE for n in value)


def _check_spans(path: Path, spans: list[tuple[int, int, str]], available: int) -> None:
    position = 0
    for begin, end, name in sorted(spans):
        if begin != position:
            kind = "overlaps the tensor before it" if begin < position else "leaves a gap before it"
            _damaged(path, f"{shown(name)} at byte {begin:,} {kind}", f"byte {position:,} of the data")
        position = end
    if position != available:
        what = "truncated" if position > available else "longer than its header says"
        _damaged(path, f"{available:,} bytes of data: {what}", f"{position:,} bytes")


def _damaged(path: Path, found: str, expected: str) -> NoReturn:
    raise CheckpointError(found, where=path.name, expected=expected, remedy=REMEDY)
