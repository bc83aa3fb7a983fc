"""Writes a slice: whole shards are linked, border shards are written anew with what stays of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from scaffold.checkpoint.folders import CONFIG
from scaffold.checkpoint.headers import METADATA, Span, read_shard
from scaffold.checkpoint.read import Checkpoint
from scaffold.checkpoint.shards import INDEX, SINGLE
from scaffold.common.errors import UsageError

OWN = (CONFIG, INDEX)
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx")
PIECE = 64 * 2**20
STAMP = ".slice.json"
"""Written last: a slice without it was cut off."""


def write_slice(whole: Checkpoint, cut: Checkpoint, destination: Path) -> None:
    """Write a slice as a checkpoint directory.

    Args:
        whole: the checkpoint; its files stay as they are.
        cut: `slice_of` it.
        destination: a directory that is not there yet, or a slice that was made before and is made anew.

    Raises:
        UsageError: something else is there.
        CheckpointError: a shard cannot be read.
        OSError: the disk is full, or nothing may be written there.
    """
    if destination.exists():
        if not (destination / STAMP).is_file() and any(destination.iterdir()):
            raise UsageError(
                "a directory that is no slice",
                where=str(destination),
                expected="none, or a slice of an earlier run",
                remedy="remove it, or name another work directory",
            )
        shutil.rmtree(destination)
    destination.mkdir(parents=True)
    (destination / STAMP).write_text("{}", encoding="utf-8")
    (destination / CONFIG).write_text(json.dumps(dict(cut.config), indent=2) + "\n", encoding="utf-8")
    _copy_beside(whole.path, destination)
    for shard in cut.weights.shards:
        _write_shard(
            whole.path / shard, destination / shard, {n for n, f in cut.weights.forms.items() if f.shard == shard}
        )
    if whole.weights.shards != (SINGLE,):
        forms = cut.weights.forms
        index = {
            "metadata": {"total_size": sum(form.num_bytes for form in forms.values())},
            "weight_map": {name: form.shard for name, form in forms.items()},
        }
        (destination / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _copy_beside(source: Path, destination: Path) -> None:
    """Copy tokenizer, templates, code and the like: all files that are no weights, and no index of them."""
    for path in sorted(source.iterdir()):
        is_index = path.name.endswith(".index.json")
        if path.is_file() and path.suffix not in WEIGHTS and not is_index and path.name not in OWN:
            shutil.copyfile(path, destination / path.name)


def _write_shard(source: Path, destination: Path, names: set[str]) -> None:
    header = read_shard(source)
    if names == header.forms.keys():
        _link(source, destination)
        return
    raw = json.loads(header.raw)
    kept = [span for span in header.spans() if span.header.name in names]
    entries: dict[str, object] = {METADATA: raw[METADATA]} if METADATA in raw else {}
    position = 0
    for span in kept:
        size = span.end - span.begin
        entries[span.header.name] = {**raw[span.header.name], "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # as the reference implementation writes it
    with source.open("rb") as reading, destination.open("wb") as writing:
        writing.write(len(text).to_bytes(8, "little") + text)
        _copy(reading, writing, kept)


def _copy(reading: BinaryIO, writing: BinaryIO, spans: Iterable[Span]) -> None:
    for span in spans:
        reading.seek(span.begin)
        left = span.end - span.begin
        while left:
            piece = reading.read(min(left, PIECE))
            if not piece:
                raise OSError(f"{reading.name} became shorter while it was read")
            writing.write(piece)
            left -= len(piece)


def _link(source: Path, destination: Path) -> None:
    """Link a file: a hard link where both lie on one disk, else a symbolic one."""
    real = Path(os.path.realpath(source))
    try:
        os.link(real, destination)
    except OSError:
        destination.symlink_to(real)
