"""Headers of safetensors files: read right, and every damage is one clear error."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from scaffold.checkpoint.headers import read_headers, read_shard
from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import CheckpointError
from tests.drawn import examples


def write(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    """Write a shard whose header may say anything."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
    return path


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape) if isinstance(shape, tuple) else shape, "data_offsets": offsets}


def test_reads_what_the_reference_implementation_writes(tmp_path: Path) -> None:
    tensors = {
        "a": np.zeros((2, 3), np.float32),
        "b": np.zeros((), np.int64),
        "c.d": np.zeros((0, 4), np.float16),
        "名": np.zeros((5,), np.uint8),
    }
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "np"})
    found = {t.name: (t.shape, t.dtype, t.num_bytes) for t in read_headers(tmp_path / "x.safetensors")}
    names = {"float32": "F32", "int64": "I64", "float16": "F16", "uint8": "U8"}
    assert found == {k: (v.shape, names[v.dtype.name], v.nbytes) for k, v in tensors.items()}


@pytest.mark.parametrize(
    ("header", "data", "length", "says"),
    [
        ({"a": entry()}, b"1234", None, "truncated"),
        ({"a": entry()}, b"1" * 9, None, "longer than its header says"),
        ({"a": entry()}, b"1" * 8, 2**63, "a header of 9,223,372,036,854,775,808 bytes"),
        ({"a": entry(), "b": entry(offsets=(4, 12))}, b"1" * 12, None, "overlaps"),
        ({"a": entry(offsets=(4, 12))}, b"1" * 12, None, "gap"),
        ({"a": entry(dtype="F31")}, b"1" * 8, None, "'F31'"),
        ({"a": entry(dtype=["F32"])}, b"1" * 8, None, "the dtype ['F32']"),
        ({"a": entry(shape=(-2,))}, b"1" * 8, None, "the shape [-2]"),
        ({"a": entry(shape=(2.0,))}, b"1" * 8, None, "the shape [2.0]"),
        ({"a": entry(shape=(1,) * 65)}, b"1" * 8, None, "at most 64 sizes"),
        ({"a": entry(shape="2")}, b"1" * 8, None, "the shape '2'"),
        ({"a": entry(offsets=(8, 0))}, b"1" * 8, None, "the offsets [8, 0]"),
        ({"a": entry(shape=(3,))}, b"1" * 8, None, "12 for F32 [3]"),
        ({"a": 7}, b"", None, "'a': 7"),
        ([1], b"", None, "a header that starts with b'[1]'"),
        (b"{garbage", b"", None, "invalid JSON"),
        (b"\xff\xfe", b"", None, r"a header that starts with b'\xff\xfe'"),
        (b'{"a\xff": 1}', b"", None, "not UTF-8 at byte 3"),
        (b'{"a": 1, "a": 2}', b"", None, "the key 'a' twice"),
        (b'{"a": 7, "a": ' + json.dumps(entry()).encode() + b"}", b"1" * 8, None, "the key 'a' twice"),
        (b'{"a": {"dtype": "F32", "dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}', b"", None, "'dtype' twice"),
        (b'{"a": {"dtype": "F32", "shape": [0], "d\\u0074ype": "F16", "data_offsets": [0, 0]}}', b"", None, "twice"),
        (b'{"__metadata__": {"a": "b", "a": "b"}}', b"", None, "the key 'a' twice"),
        ({"__metadata__": {"a": 1}}, b"", None, "from strings to strings"),
        (b'{"a":' * 100_000, b"", None, "nested too deeply"),
        (b'{"\\ud800": 1}', b"", None, "half of a pair"),
        ({"a": entry(shape=(float("nan"),))}, b"1" * 8, None, "the number NaN"),
        ({"a": entry(offsets=(0, float("inf")))}, b"1" * 8, None, "the number Infinity"),
        ({"a": entry("U8", (True,), (0, 1))}, b"1", None, "the shape [True]"),
        ({"a": entry("U8", (1,), (False, True))}, b"1", None, "the offsets [False, True]"),
        ({"a": entry("U8", (1,), (0, 1)), "b": entry("U8", (True,), (1, 2))}, b"12", None, "the shape [True]"),
        ({"a": entry("U8", (False,), (0, 0))}, b"", None, "the shape [False]"),
        ({"a": entry(offsets=(0.0, 8.0))}, b"1" * 8, None, "the offsets [0.0, 8.0]"),
        ({"a": entry(shape=(2**70,))}, b"1" * 8, None, "the shape [1180591620717411303424]"),
        ({"a": entry(shape=(2**61, 2**61))}, b"1" * 8, None, "fewer than 2^62"),
        ({"a": entry("F4", (3,), (0, 1))}, b"1", None, "whole bytes"),
        ({"a\n\x1b[31m'": 7}, b"", None, r"a\n\x1b[31m'"),
        ({"b": entry(), "a": entry(offsets=(4, 12))}, b"1" * 12, None, "overlaps"),
    ],
)
def test_damage_is_one_clear_error(tmp_path: Path, header: Any, data: bytes, length: int | None, says: str) -> None:
    path = write(tmp_path / "x.safetensors", header, data, length)
    with pytest.raises(CheckpointError) as error:
        read_headers(path)
    assert says in str(error.value)
    assert "x.safetensors" in error.value.where


def test_the_order_in_the_header_may_differ_from_that_of_the_data(tmp_path: Path) -> None:
    header = {"a": entry(offsets=(8, 16)), "b": entry(offsets=(0, 8)), "c": entry("U8", (0,), (16, 16))}
    path = write(tmp_path / "x.safetensors", header, b"1" * 16)
    assert [t.name for t in read_headers(path)] == ["a", "b", "c"]
    assert [(s.header.name, s.end - s.begin) for s in read_shard(path).spans()] == [("b", 8), ("a", 8), ("c", 0)]
    with safe_open(path, "numpy") as reference:
        assert set(reference.keys()) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "unusual", ["a\\b", 'a"b', "true", "falsehood", "\N{SNOWMAN}", "a\nb", "{{ 7 * 7 }}", "../$(x)"]
)
def test_unusual_names_are_names(tmp_path: Path, unusual: str) -> None:
    path = write(tmp_path / "x.safetensors", {"__metadata__": {"k": unusual}, unusual: entry()}, b"1" * 8)
    assert [t.name for t in read_headers(path)] == [unusual]


def test_headers_are_legal_if_the_reference_implementation_says_so(tmp_path: Path) -> None:
    """Both read, or both refuse."""
    headers = [
        {"a": entry("F32", (0,), (0, 0))},
        {"a": entry("F32", (), (0, 4))},
        {"a": entry("F32", (1,), (0, 4)), "b": entry("F32", (0, 7), (4, 4)), "c": entry("I8", (), (4, 5))},
        {"a": entry("F32", (1,), (0, 4)) | {"extra": 1}},
        {"a": entry("F32", (1,), (4, 8))},
        {"a": entry("F32", (-1,), (0, 4))},
        {"a": entry("F32", (1.0,), (0, 4))},
        {"a": entry("F32", (True,), (0, 4))},
        {"a": entry("F31", (1,), (0, 4))},
        {"a": entry("F8_E4M3", (4,), (0, 4)), "__metadata__": {"format": "pt"}},
        {"a": entry("F32", (1,), (0, 4)), "__metadata__": {"format": 1}},
        {"a": entry("F32", (1,), (0, 4)), "b": entry("F32", (1,), (0, 4))},
    ]
    for number, header in enumerate(headers):
        size = max(e["data_offsets"][1] for n, e in header.items() if n != "__metadata__")
        path = write(tmp_path / f"{number}.safetensors", header, b"1" * size)
        try:
            with safe_open(path, "numpy") as reference:
                expected: Any = sorted(reference.keys())
        except SafetensorError:
            expected = None
        try:
            found: Any = sorted(t.name for t in read_headers(path))
        except CheckpointError:
            found = None
        assert found == expected, header


def test_a_file_of_three_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"abc")
    with pytest.raises(CheckpointError, match="3 bytes"):
        read_headers(tmp_path / "x.safetensors")


@examples(200, HealthCheck.function_scoped_fixture)
@given(position=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_flipped_byte_ends_in_a_result_or_a_clean_error(tmp_path: Path, position: int, byte: int) -> None:
    path = tmp_path / "x.safetensors"
    save_file({f"t{i}": np.zeros((i, 2), np.float32) for i in range(4)}, path)
    damaged = bytearray(path.read_bytes())
    damaged[position % len(damaged)] = byte
    path.write_bytes(bytes(damaged))
    try:
        found = read_headers(path)
    except CheckpointError:
        return
    assert len(found) <= 5


def test_the_digest_changes_with_weights_and_config(nova: Path) -> None:
    first = read_checkpoint(nova).digest
    assert read_checkpoint(nova).digest == first
    config = nova / "config.json"
    config.write_text(config.read_text().replace("5000.0", "5001.0"))
    second = read_checkpoint(nova).digest
    shard = next(nova.glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"\x01")
    assert len({first, second, read_checkpoint(nova).digest}) == 3


def test_pickled_weights_are_refused(nova: Path) -> None:
    for path in nova.glob("*.safetensors*"):
        path.unlink()
    (nova / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match="convert the weights to safetensors"):
        read_checkpoint(nova)


def test_consolidated_weights_beside_the_shards_are_left_out(nova: Path) -> None:
    names = set(read_checkpoint(nova).tensors)
    save_file({"tok_embeddings.weight": np.zeros((2, 2), np.float32)}, nova / "consolidated.safetensors")
    assert set(read_checkpoint(nova).tensors) == names
