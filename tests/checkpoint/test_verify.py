"""Tensor data: damage is found in every format, at its place; what is sound is not accused."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from scaffold.checkpoint.headers import DTYPE_BITS, TensorHeader
from scaffold.checkpoint.verify.bits import FORMATS, largest
from scaffold.checkpoint.verify.run import Verification, verify
from scaffold.checkpoint.verify.scan import BLOCK, Scan
from scaffold.common.errors import CheckpointError

NAN = {
    "BF16": (0x7FC0, 0xFF81), "F16": (0x7E00, 0xFC01), "F32": (0x7FC00000, 0xFF800001),
    "F64": (0x7FF8 << 48, (0xFFF << 52) + 1), "F8_E4M3": (0x7F, 0xFF), "F8_E5M2": (0x7D, 0xFF),
    "F8_E4M3FNUZ": (0x80,), "F8_E5M2FNUZ": (0x80,), "F8_E8M0": (0xFF,), "C64": (0x7FC00000,),
}  # fmt: skip
INFINITY = {"BF16": (0x7F80, 0xFF80), "F16": (0x7C00, 0xFC00), "F32": (0x7F800000, 0xFF800000),
            "F64": (0x7FF << 52, 0xFFF << 52), "F8_E5M2": (0x7C, 0xFC)}  # fmt: skip
LARGE = {"BF16": 0x4B00, "F32": 0xCB000000, "F64": 0x4330 << 48}


def write(directory: Path, dtype: str, data: bytes, shape: tuple[int, ...]) -> Verification:
    """Write one tensor after another that is sound, and verify the checkpoint."""
    sound = np.arange(1, 9, dtype=np.uint8).tobytes()
    header = {
        "sound": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]},
        "model.w": {"dtype": dtype, "shape": list(shape), "data_offsets": [8, 8 + len(data)]},
    }
    raw = json.dumps(header).encode()
    directory.mkdir(exist_ok=True)
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw + sound + data)
    return verify(directory, ["model.safetensors"])


def numbers(dtype: str, count: int) -> Any:
    """Return the bits of sound numbers of both signs."""
    form = FORMATS[dtype]
    kind = np.dtype(f"u{form.bits // 8}")
    rng = np.random.default_rng(1)
    top = {"F32": 0x3F800000, "C64": 0x3F800000, "F64": 0x3FF << 52, "BF16": 0x3F80, "F16": 0x3C00}.get(dtype, 0x70)
    values = rng.integers(1, top, count, dtype=np.uint64)
    signs = rng.integers(0, 2, count, dtype=np.uint64) << np.uint64(form.bits - 1)
    return (values | (signs if form.signed else np.uint64(0))).astype(kind)


ONE = [(d, "NaN", b) for d, every in NAN.items() for b in every] + [
    (d, "infinity", b) for d, every in INFINITY.items() for b in every
]


@pytest.mark.parametrize(("dtype", "kind", "bits"), ONE)
def test_one_damaged_number_is_found_at_its_place(tmp_path: Path, dtype: str, kind: str, bits: int) -> None:
    count = 3 * BLOCK // (FORMATS[dtype].bits // 8) + 1000
    data = numbers(dtype, count)
    assert write(tmp_path / "sound", dtype, data.tobytes(), _shape(dtype, count)).findings == ()
    place = count - 777
    data[place] = bits
    found = write(tmp_path / "damaged", dtype, data.tobytes(), _shape(dtype, count))
    assert [(f.kind, f.tensor, f.count, f.index) for f in found.findings] == [(kind, "model.w", 1, place)]
    assert not found.holds
    raw = (tmp_path / "damaged" / "model.safetensors").read_bytes()
    width = FORMATS[dtype].bits // 8
    assert raw[found.findings[0].byte :][:width] == int(bits).to_bytes(width, "little")


def _shape(dtype: str, count: int) -> tuple[int, ...]:
    return (count * FORMATS[dtype].bits // DTYPE_BITS[dtype],)


@pytest.mark.parametrize(("dtype", "bits"), LARGE.items())
def test_absurd_magnitudes_are_suspicious(tmp_path: Path, dtype: str, bits: int) -> None:
    data = numbers(dtype, 100)
    data[41] = bits
    found = write(tmp_path / "c", dtype, data.tobytes(), (100,))
    assert [(f.kind, f.index) for f in found.findings] == [("magnitude", 41)]
    assert found.holds


def test_zeros_blocks_of_zeros_and_constants(tmp_path: Path) -> None:
    data = numbers("BF16", 2 * BLOCK)
    zeros = np.zeros_like(data)
    assert [f.kind for f in write(tmp_path / "a", "BF16", zeros.tobytes(), (2, BLOCK)).findings] == ["zeros"]
    assert write(tmp_path / "b", "BF16", zeros.tobytes(), (2 * BLOCK,)).findings == ()  # a bias may be zero
    assert write(tmp_path / "c", "BF16", (zeros | 0x8000).tobytes(), (2, BLOCK)).findings[0].kind == "zeros"
    ones = np.full_like(data, 0x3F80)
    assert [f.kind for f in write(tmp_path / "d", "BF16", ones.tobytes(), (2, BLOCK)).findings] == ["constant"]
    assert write(tmp_path / "e", "BF16", ones.tobytes(), (2 * BLOCK,)).findings == ()  # a norm may be ones
    data[BLOCK // 2 : BLOCK] = 0
    found = write(tmp_path / "f", "BF16", data.tobytes(), (2, BLOCK)).findings
    assert [(f.kind, f.count, f.index) for f in found] == [("zero block", 1, BLOCK // 2)]


def test_tensors_of_no_size_and_of_one_number(tmp_path: Path) -> None:
    assert write(tmp_path / "a", "F32", b"", (0, 4)).findings == ()
    assert write(tmp_path / "b", "F32", b"\0\0\x80\x3f", ()).findings == ()


@given(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=40), st.sampled_from(["F16", "BF16"]))
def test_largest_is_that_of_the_magnitudes(values: list[int], dtype: str) -> None:
    data = np.array(values, np.uint16)
    assert largest(data.view(np.uint8), FORMATS[dtype]) == max(value & 0x7FFF for value in values)


@given(
    st.lists(st.integers(0, 255), min_size=2, max_size=64), st.sampled_from(["F16", "F32", "F64", "BF16", "F8_E5M2"])
)
@example([129, 127], "BF16")  # a signalling NaN
@example([0x74, 0x49] * 3, "BF16")  # 999,424, the last number below a million
@example([0x75, 0x49] * 3, "BF16")  # 1,003,520, the first above it
def test_findings_are_those_of_numpy(values: list[int], dtype: str) -> None:
    width = FORMATS[dtype].bits // 8
    raw = bytes(values[: len(values) // width * width])
    if not raw:
        return
    if dtype == "BF16":
        floats = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
    elif dtype == "F8_E5M2":
        floats = (np.frombuffer(raw, np.uint8).astype(np.uint16) << 8).view(np.float16)
    else:
        floats = np.frombuffer(raw, f"f{width}")
    scan = Scan(TensorHeader("t", dtype, (len(floats),), "s"), 0)
    scan.feed(np.frombuffer(raw, np.uint8).copy())
    counts = {f.kind: f.count for f in scan.findings()}
    assert counts.get("NaN", 0) == np.isnan(floats).sum()
    assert counts.get("infinity", 0) == np.isinf(floats).sum()
    if dtype not in ("F8_E5M2", "F16"):
        with np.errstate(invalid="ignore"):
            expected = (np.isfinite(floats) & (np.abs(floats.astype(np.float64)) >= 1e6)).sum()
        assert counts.get("magnitude", 0) == expected


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three shards with a large and a small tensor each."""
    rng = np.random.default_rng(0)
    for number in range(3):
        tensors = {f"{number}.w": rng.normal(size=(700, 1000)).astype(np.float32), f"{number}.b": rng.normal(size=3)}
        save_file(tensors, tmp_path / f"{number}.safetensors")
    return tmp_path


SHARDS = [f"{number}.safetensors" for number in range(3)]


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_sums_are_those_of_the_files(three: Path) -> None:
    seen: list[int] = []
    found = verify(three, SHARDS, sums=True, advance=seen.append)
    assert [(s.shard, s.sha256, s.expected) for s in found.sums] == [(n, sha(three / n), None) for n in SHARDS]
    assert sum(seen) == found.num_bytes == sum((three / n).stat().st_size for n in SHARDS)
    assert found.tensors == 6
    assert verify(three, SHARDS).sums == ()


def test_sums_that_the_checkpoint_brings_are_compared(three: Path) -> None:
    (three / "SHA256SUMS").write_text(f"{sha(three / SHARDS[0])}  {SHARDS[0]}\n")
    (three / f"{SHARDS[1]}.sha256").write_text(sha(three / SHARDS[1]).upper())
    metadata = three / ".cache" / "huggingface" / "download"
    metadata.mkdir(parents=True)
    (metadata / f"{SHARDS[2]}.metadata").write_text(f"{'a' * 40}\n{sha(three / SHARDS[2])}\n1700000000.0\n")
    found = verify(three, SHARDS, sums=True)
    assert [s.expected.where for s in found.sums if s.expected] == [
        "SHA256SUMS", "1.safetensors.sha256", ".cache/huggingface/download/2.safetensors.metadata",
    ]  # fmt: skip
    assert found.holds
    raw = bytearray((three / SHARDS[2]).read_bytes())
    raw[-5] ^= 1
    (three / SHARDS[2]).write_bytes(bytes(raw))
    found = verify(three, SHARDS, sums=True)
    assert [s.shard for s in found.sums if s.is_wrong] == [SHARDS[2]]
    assert not found.holds


def test_the_name_of_a_blob_is_its_sum(three: Path) -> None:
    snapshot, blobs = three / "snapshots" / "abc", three / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    digest = sha(three / SHARDS[0])
    (three / SHARDS[0]).rename(blobs / digest)
    (snapshot / SHARDS[0]).symlink_to(Path("../../blobs") / digest)
    (expected,) = (s.expected for s in verify(snapshot, SHARDS[:1], sums=True).sums)
    assert expected is not None
    assert (expected.sha256, expected.where) == (digest, f"blobs/{digest}")


def test_a_shard_cut_off_since_is_one_error(three: Path) -> None:
    path = three / SHARDS[1]
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    with pytest.raises(CheckpointError, match="truncated"):
        verify(three, SHARDS)
